"""SQL macros for the statistics of analytics.md section 3.4.

Every divisor is guarded: in DuckDB x / 0 is infinite, where the specification says null.
"""

Z_95_PERCENT = 1.959963984540054
NO_SPREAD = 1e-10

STATISTICS_MACROS = {
    # n*Sxx - Sx^2 <= 1e-10 * n*Sxx, divided by n^2: the variance against the mean square of the values as they are
    "has_spread(variance, mean)": f"variance > {NO_SPREAD} * (variance + mean * mean)",
    # population covariance and variances of n pairs
    "pearson_r(n, cov, var_x, var_y, mean_x, mean_y)": """
        CASE WHEN n >= 3 AND has_spread(var_x, mean_x) AND has_spread(var_y, mean_y)
        THEN greatest(-1.0::DOUBLE, least(1.0::DOUBLE, cov / sqrt(var_x * var_y))) END""",
    # an aggregate: over the rows of a group, in which y and x are both known or both null. var_pop and covar_pop update
    # mean and centred sum row by row: nothing large is subtracted from something large.
    "r_of(y, x)": "pearson_r(count(x), covar_pop(y, x), var_pop(x), var_pop(y), avg(x), avg(y))",
    # how many independent samples tell as much; k: r of each x with the next one, times the same of y
    "effective_n(r, n, k)": """
        CASE WHEN r IS NOT NULL THEN
            CASE WHEN k <= 0 THEN n::DOUBLE WHEN k > 0 THEN n * (1 - k) / (1 + k) END
        END""",
    # 95 % by Fisher's z; at |r| = 1 atanh is infinite. n may be an effective one, which rounding can lift above 3.
    "fisher_bound(r, n, z)": """
        CASE WHEN round(n, 6) > 3 AND round(abs(r), 9) < 1 THEN tanh(atanh(r) + z / sqrt(n - 3)) END""",
    "r_ci_low(r, n)": f"fisher_bound(r, n, -{Z_95_PERCENT})",
    "r_ci_high(r, n)": f"fisher_bound(r, n, {Z_95_PERCENT})",
    # rounded, so that the order of summing cannot move an r across an edge
    "r_strength(r)": """
        CASE
            WHEN r IS NULL THEN 'unknown'
            WHEN round(abs(r), 9) < 0.1 THEN 'neutral'
            ELSE CASE WHEN round(abs(r), 9) < 0.3 THEN 'weak_' WHEN round(abs(r), 9) < 0.5 THEN 'moderate_'
                ELSE 'strong_' END || CASE WHEN r > 0 THEN 'positive' ELSE 'negative' END
        END""",
}
