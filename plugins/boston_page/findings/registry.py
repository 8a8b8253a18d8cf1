"""The charts, in the order in which the page shows them."""

from boston_page.findings.binned_curve import BINNED_CURVE
from boston_page.findings.correlations import CORRELATIONS
from boston_page.findings.finding import Finding
from boston_page.findings.prediction import PREDICTION
from boston_page.findings.rain import RAIN_EFFECT
from boston_page.findings.risk import RISK
from boston_page.findings.surge import SURGE
from boston_page.findings.usage import USAGE

FINDINGS: dict[str, Finding] = {
    finding.name: finding for finding in (USAGE, BINNED_CURVE, CORRELATIONS, RAIN_EFFECT, SURGE, RISK, PREDICTION)
}
