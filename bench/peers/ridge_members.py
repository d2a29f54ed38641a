"""Fits sampled members with scikit-learn's Ridge on Muster's own rows and compares the coefficients.

A member leans on its parent: minimise ||y - Z b||^2 + penalty ||b - b_parent||^2. With d = b - b_parent that is a
plain ridge of the residuals y - Z b_parent. Prints one JSON object: the worst error relative to the largest
coefficient of its member, and who it was.
"""

import json
import sys

import numpy as np
from sklearn.linear_model import Ridge

from frame import design, load

about, event_ms, raw, label = load(sys.argv[1])
begin, end = about["trainFromMs"], about["trainToMs"]
worst, name = 0.0, ""
for member in about["members"]:
    rows = slice(member["rowFrom"], member["rowTo"])
    z = design(raw[rows], about)
    y = label[rows]
    keep = (event_ms[rows] >= begin) & (event_ms[rows] < end) & ~np.isnan(y) & ~np.isnan(z).any(axis=1)
    z, y = z[keep], y[keep]
    parent = np.array(member["parent"])
    model = Ridge(alpha=member["penalty"], fit_intercept=False, solver="cholesky")
    model.fit(z, y - z @ parent)
    theirs = parent + model.coef_
    error = float(np.max(np.abs(theirs - np.array(member["coefficients"]))) / np.max(np.abs(theirs)))
    if error >= worst:
        worst, name = error, member["name"]
print(json.dumps({"members": len(about["members"]), "worst": worst, "name": name}))
