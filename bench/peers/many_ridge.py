"""Fits the family of `bench/training.ts` with scikit-learn, member by member, and with batched NumPy.

Answers orders on standard input, one JSON object a line, so that imports are paid once. An order names a form and a
number of processes; all forms start from the Arrow files of frame and labels (memory-mapped) and end with float64
coefficients in memory: they write nothing. All rows of a member are contiguous and all members have equally many,
which the batched form is given to know.

    sklearn   StandardScaler and Ridge on all rows for the root; a loop of Ridge for the members
    einsum    moments of all members by one einsum, the root's as their sum; one batched solve
    matmul    the same by a batched product of matrices, which NumPy hands to BLAS
    pipeline  make_pipeline(StandardScaler(), Ridge()) for each member on its own: other models, for the clock only

A member leans on the root: minimise ||y - Z b||^2 + penalty ||b - b_root||^2, which is a plain ridge of y - Z b_root.
"""

import json
import multiprocessing
import sys
import time

import numpy as np
import pyarrow as pa
import sklearn
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# scikit-learn's own advice for speed: the rows are known to be finite, the parameters to be valid.
sklearn.set_config(assume_finite=True, skip_parameter_validation=True)


def column(tables, name):
    return np.concatenate([t.column(name).to_numpy() for t in tables])


def table(path):
    with pa.memory_map(path) as source:
        return pa.ipc.open_file(source).read_all()


class Share:
    """Members [begin, end) and what was found of them: one process has all, or each of two has half."""

    def __init__(self, about, index, count):
        self.about = about
        members = about["members"]
        self.begin, self.end = members * index // count, members * (index + 1) // count
        self.each = about["rowsEach"]

    def read(self):
        rows = slice(self.begin * self.each, self.end * self.each)
        frames = [table(p) for p in self.about["frameParts"]]
        labels = [table(p) for p in self.about["labelParts"]]
        names = self.about["features"]
        self.z = np.empty((rows.stop - rows.start, len(names) + 1))
        for i, name in enumerate(names):
            self.z[:, i] = column(frames, name)[rows]
        self.z[:, -1] = 1
        self.y = column(labels, "label")[rows]

    def sums(self):
        x = self.z[:, :-1]
        return len(x), x.sum(axis=0), np.einsum("ri,ri->i", x, x)

    def standardise(self, center, scale):
        self.z[:, :-1] -= center
        self.z[:, :-1] *= scale

    def moments(self, product):
        members, size = self.end - self.begin, self.z.shape[1]
        z = self.z.reshape(members, self.each, size)
        y = self.y.reshape(members, self.each)
        if product == "einsum":
            self.h = np.einsum("mri,mrj->mij", z, z)
            self.g = np.einsum("mri,mr->mi", z, y)
        else:
            zt = z.transpose(0, 2, 1)
            self.h = zt @ z
            self.g = (zt @ y[:, :, None])[:, :, 0]
        return self.h.sum(axis=0), self.g.sum(axis=0)

    def solve(self, root):
        size = self.h.shape[1]
        g = self.g - self.h @ root
        self.h[:, np.arange(size), np.arange(size)] += self.about["penalty"]
        return root + np.linalg.solve(self.h, g[:, :, None])[:, :, 0]

    def gram(self):
        return self.z.T @ self.z, self.z.T @ self.y

    def loop(self, root):
        found = np.empty((self.end - self.begin, self.z.shape[1]))
        for m in range(self.end - self.begin):
            z = self.z[m * self.each : (m + 1) * self.each]
            y = self.y[m * self.each : (m + 1) * self.each]
            model = Ridge(alpha=self.about["penalty"], fit_intercept=False)
            model.fit(z, y - z @ root)
            found[m] = root + model.coef_
        return found

    def pipelines(self):
        found = np.empty((self.end - self.begin, self.z.shape[1]))
        for m in range(self.end - self.begin):
            rows = slice(m * self.each, (m + 1) * self.each)
            model = make_pipeline(StandardScaler(), Ridge(alpha=self.about["penalty"]))
            model.fit(self.z[rows, :-1], self.y[rows])
            found[m, :-1], found[m, -1] = model[-1].coef_, model[-1].intercept_
        return found


def serve(share, pipe):
    while True:
        name, args = pipe.recv()
        pipe.send(getattr(share, name)(*args))


class Here:
    def __init__(self, about):
        self.share = Share(about, 0, 1)

    def all(self, name, *args):
        return [getattr(self.share, name)(*args)]


class Apart:
    """Two processes that were started before the clock; only orders, sums and coefficients go between them."""

    def __init__(self, about):
        self.pipes = []
        for index in range(2):
            ours, theirs = multiprocessing.Pipe()
            multiprocessing.Process(target=serve, args=(Share(about, index, 2), theirs), daemon=True).start()
            self.pipes.append(ours)

    def all(self, name, *args):
        for pipe in self.pipes:
            pipe.send((name, args))
        return [pipe.recv() for pipe in self.pipes]


def total(parts):
    return [sum(column) for column in zip(*parts)]


def root_of(h, g, penalty):
    leaning = np.full(len(g), float(penalty))
    leaning[-1] = 0
    return np.linalg.solve(h + np.diag(leaning), g)


def carry_out(where, about, form):
    started = time.perf_counter()
    where.all("read")
    read = time.perf_counter()
    if form == "pipeline":
        found = [np.concatenate(where.all("pipelines"))]
    else:
        rows, sums, squares = total(where.all("sums"))
        center = sums / rows
        scale = 1 / np.sqrt(squares / rows - center**2)
        where.all("standardise", center, scale)
        if form == "sklearn":
            if isinstance(where, Here):
                x, y = where.share.z[:, :-1], where.share.y
                model = Ridge(alpha=about["penalty"]).fit(x, y)
                root = np.append(model.coef_, model.intercept_)
            else:
                # Ridge cannot fit rows that are in two processes; the sums of both are the quicker way anyway.
                root = root_of(*total(where.all("gram")), about["penalty"])
            found = [root[None], *where.all("loop", root)]
        else:
            root = root_of(*total(where.all("moments", form)), about["penalty"])
            found = [root[None], *where.all("solve", root)]
    found = np.concatenate(found)
    ended = time.perf_counter()
    return found, {"seconds": ended - started, "fitSeconds": ended - read}


def main():
    about = json.loads(sys.stdin.readline())
    places = {1: Here(about)}
    versions = {"python": sys.version.split()[0], "numpy": np.__version__, "scikitLearn": sklearn.__version__}
    print(json.dumps(versions), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        processes = order["processes"]
        if processes not in places:
            places[processes] = Apart(about)
        found, times = carry_out(places[processes], about, order["form"])
        if "write" in order:
            found.tofile(order["write"])
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
