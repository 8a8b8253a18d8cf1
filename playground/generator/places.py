"""Where things happen: stations, neighbourhoods and streets of Boston and Cambridge."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    id: int
    name: str
    latitude: float
    longitude: float
    weight: int
    """how often it is chosen, relative to the others"""


STATIONS = (
    Place(67, "MIT at Mass Ave / Amherst St", 42.358100, -71.093198, 9),
    Place(74, "Harvard Square at Mass Ave/ Dunster", 42.373268, -71.118579, 6),
    Place(190, "Nashua Street at Red Auerbach Way", 42.365673, -71.064263, 6),
    Place(22, "South Station - 700 Atlantic Ave", 42.352175, -71.055547, 8),
    Place(80, "MIT Stata Center at Vassar St / Main St", 42.362131, -71.091156, 8),
    Place(68, "Central Square at Mass Ave / Essex St", 42.365070, -71.103100, 7),
    Place(107, "Ames St at Main St", 42.362500, -71.088220, 6),
    Place(178, "MIT Pacific St at Purrington St", 42.359573, -71.101295, 7),
    Place(36, "Boston Public Library - 700 Boylston St.", 42.349673, -71.077303, 5),
    Place(46, "Christian Science Plaza - Massachusetts Ave at Westland Ave", 42.343864, -71.085918, 5),
    Place(60, "Charles Circle - Charles St at Cambridge St", 42.360793, -71.071190, 5),
    Place(6, "Cambridge St at Joy St", 42.361257, -71.065287, 5),
    Place(53, "Beacon St at Massachusetts Ave", 42.350827, -71.089811, 6),
    Place(16, "Back Bay T Stop - Dartmouth St at Stuart St", 42.348074, -71.076570, 4),
    Place(47, "Cross St at Hanover St", 42.362811, -71.056067, 4),
    Place(23, "Boston City Hall - 28 State St", 42.358920, -71.057629, 4),
    Place(33, "Kenmore Square", 42.348706, -71.097009, 4),
    Place(41, "Packard's Corner - Commonwealth Ave at Brighton Ave", 42.352261, -71.123831, 2),
    Place(12, "Ruggles T Stop - Columbus Ave at Melnea Cass Blvd", 42.336244, -71.087986, 3),
    Place(25, "Tremont St at W Newton St", 42.341332, -71.076847, 3),
    Place(96, "Cambridge Main Library at Broadway / Trowbridge St", 42.373379, -71.111075, 3),
    Place(141, "Kendall Street", 42.363560, -71.082168, 5),
    Place(189, "Kendall T", 42.362428, -71.084955, 6),
    Place(87, "Harvard University Housing - 115 Putnam Ave at Peabody Terrace", 42.366621, -71.114214, 2),
    Place(104, "Harvard University Radcliffe Quadrangle at Shepard St / Garden St", 42.380287, -71.125107, 2),
    Place(115, "Porter Square Station", 42.387995, -71.119084, 3),
    Place(179, "MIT Vassar St", 42.355601, -71.103945, 6),
    Place(58, "Mugar Way at Beacon St", 42.355536, -71.072869, 3),
    Place(196, "Broadway T Stop", 42.342781, -71.057473, 2),
    Place(64, "Congress St at Sleeper St", 42.351100, -71.049600, 3),
    Place(130, "Upham's Corner - Columbia Rd", 42.317642, -71.065280, 1),
    Place(121, "W Broadway at Dorchester St", 42.335693, -71.045859, 1),
)

NEIGHBOURHOODS = (
    ("Back Bay", 42.3503, -71.0810),
    ("Beacon Hill", 42.3588, -71.0707),
    ("Boston University", 42.3505, -71.1054),
    ("Fenway", 42.3429, -71.1003),
    ("Financial District", 42.3559, -71.0550),
    ("Haymarket Square", 42.3638, -71.0585),
    ("North End", 42.3647, -71.0542),
    ("North Station", 42.3661, -71.0631),
    ("Northeastern University", 42.3398, -71.0892),
    ("South Station", 42.3519, -71.0551),
    ("Theatre District", 42.3519, -71.0643),
    ("West End", 42.3644, -71.0661),
)

STREETS = (
    "WASHINGTON ST",
    "DORCHESTER AVE",
    "BLUE HILL AVE",
    "MASSACHUSETTS AVE",
    "COMMONWEALTH AVE",
    "TREMONT ST",
    "BOYLSTON ST",
    "COLUMBIA RD",
    "HYDE PARK AVE",
    "CENTRE ST",
    "BEACON ST",
    "CAMBRIDGE ST",
    "CUMMINS HWY",
    "RIVER ST",
    "WARREN ST",
    "BENNINGTON ST",
)
