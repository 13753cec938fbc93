"""side_onnxruntime: ONNX Runtime's side of the benchmark, on the graph that skl2onnx makes of the model."""

import joblib
import numpy as np
import onnxruntime
import shapes
import side


class OnnxRuntime(side.Side):
    def version(self):
        import skl2onnx

        return f"ONNX Runtime {onnxruntime.__version__}, skl2onnx {skl2onnx.__version__}"

    def path(self, shape):
        return side.folder(shape) / "model.onnx"

    def prepare(self, shape):
        import skl2onnx
        from skl2onnx.common.data_types import FloatTensorType
        from sklearn.pipeline import make_pipeline

        scaler, forest = shapes.parts(joblib.load(side.folder(shape) / "model.joblib"))
        model = make_pipeline(scaler, forest) if scaler else forest
        graph = skl2onnx.to_onnx(
            model,
            initial_types=[("rows", FloatTensorType([None, shapes.SHAPES[shape].features]))],
            target_opset={"": 17, "ai.onnx.ml": 3},
        )
        # What the graph of a pipeline gives is scikit-learn's decision_function: score_samples less this offset.
        graph.metadata_props.add(key="offset", value=repr(float(forest.offset_)))
        self.path(shape).write_bytes(graph.SerializeToString())

    def load(self, shape):
        """The graph takes rows of float32 without gaps; users of others convert them."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(self.path(shape)), options, providers=["CPUExecutionProvider"])
        offset = np.float32(session.get_modelmeta().custom_metadata_map["offset"])

        def score(rows):
            return -(session.run(["scores"], {"rows": np.ascontiguousarray(rows, np.float32)})[0] + offset)

        return score

    def fit(self, rows, variant):
        raise NotImplementedError("ONNX Runtime does not fit")


if __name__ == "__main__":
    side.main(OnnxRuntime())
