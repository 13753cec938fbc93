"""side_isotree: isotree's side of the benchmark, from Python. Its forests are its own: it can't load scikit-learn's."""

import importlib.metadata

import isotree
import shapes
import side


def plain_forest(trees, samples):
    """As the isolation forest of Liu, Ting and Zhou, like scikit-learn's."""
    return isotree.IsolationForest(
        ntrees=trees,
        sample_size=samples,
        ndim=1,
        prob_pick_avg_gain=0,
        prob_pick_pooled_gain=0,
        missing_action="fail",
        penalize_range=False,
        nthreads=1,
        random_seed=42,
    )


class Isotree(side.Side):
    fit_order = "F"

    def version(self):
        return f"isotree {importlib.metadata.version('isotree')}"

    def path(self, shape):
        return side.folder(shape) / "model.isotree"

    def prepare(self, shape):
        it = shapes.SHAPES[shape]
        model = plain_forest(it.trees, it.samples).fit(shapes.readings(shapes.TRAINING_ROWS, it.features, seed=1))
        model.export_model(str(self.path(shape)))

    def load(self, shape):
        model = isotree.IsolationForest.import_model(str(self.path(shape)))
        model.set_params(nthreads=1)
        return model.predict

    def fit(self, rows, variant):
        model = plain_forest(200, 256).fit(rows)
        if variant == "scored":
            model.predict(rows)


if __name__ == "__main__":
    side.main(Isotree())
