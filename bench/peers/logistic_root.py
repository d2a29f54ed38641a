"""Fits scikit-learn's LogisticRegression on the rows and features of Muster's root, and scores June.

Prints one JSON object: its AUC and log loss on the reporting span.
"""

import json
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from frame import design, load

about, event_ms, raw, label = load(sys.argv[1])


def rows(begin: float, end: float):
    keep = (event_ms >= begin) & (event_ms < end) & ~np.isnan(label)
    z = design(raw[keep], about)[:, :-1]
    whole = ~np.isnan(z).any(axis=1)
    return z[whole], label[keep][whole]


z, y = rows(about["trainFromMs"], about["trainToMs"])
model = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=100).fit(z, y)
z, y = rows(about["reportFromMs"], about["reportToMs"])
p = model.predict_proba(z)[:, 1]
print(json.dumps({"rows": len(y), "auc": roc_auc_score(y, p), "logLoss": log_loss(y, p)}))
