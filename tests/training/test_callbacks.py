"""Experiment trackers by name: what they get, and what happens without them."""

import json
import sys

import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.errors import InputError
from cman_tf.training import workflow
from cman_tf.training.callbacks import check
from cman_tf.training.run import Run
from cman_tf.training.trainer import Trainer
from tests.conftest import TINY_PLAIN


def configured(*names, **training):
    training = {**TINY_PLAIN["training"], **training, "callbacks": list(names)}
    return configs.from_dict({**TINY_PLAIN, "training": training})


@pytest.fixture
def own(tmp_path, documents):
    """Name of a corpus."""
    from cman_tf.data import formats

    for split in ("train", "dev"):
        formats.write(documents, tmp_path / "corpus" / f"{split}.json", "spert")
    return str(tmp_path / "corpus")


def test_names_are_checked():
    assert configured().training.callbacks == ()
    with pytest.raises(InputError, match=r"callbacks\.0` must be 'mlflow' or 'tensorboard'\. Received: 'wandb'"):
        configured("wandb")


def test_a_missing_package_is_one_sentence_before_anything_is_written(tmp_path, own, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    config = configs.change(configured("mlflow"), {"corpus.name": own})
    with pytest.raises(InputError, match=r'^mlflow is not installed\. Install it with: pip install "\.\[mlflow\]"'):
        workflow.train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    check(configured("tensorboard"))  # imports nothing


@pytest.mark.usefixtures("eager_here")
def test_tensorboard_has_histograms_of_the_weights(tmp_path, own):
    config = configs.change(configured("tensorboard", epochs=1), {"corpus.name": own})
    workflow.train(config, tmp_path / "run")
    [file] = (tmp_path / "run" / "logs" / "keras" / "train").iterdir()
    tags = {value.tag for event in tf.compat.v1.train.summary_iterator(str(file)) for value in event.summary.value}
    assert "epoch_loss" in tags
    assert any("histogram" in tag for tag in tags)


class TestMlflow:
    """With MLflow's own files; skipped where it is not installed."""

    @pytest.fixture(autouse=True)
    def files(self, tmp_path, monkeypatch):
        pytest.importorskip("mlflow", reason='needs the extra "mlflow"')
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "letters")

    @pytest.fixture
    def client(self):
        import mlflow

        return mlflow.MlflowClient()

    def runs(self, client):
        [experiment] = [item for item in client.search_experiments() if item.name == "letters"]
        return client.search_runs([experiment.experiment_id])

    def test_configuration_and_metrics_and_the_folder_are_logged(self, tmp_path, own, client):
        config = configs.change(configured("mlflow"), {"corpus.name": own})
        run, _, _ = workflow.train(config, tmp_path / "first")
        [found] = self.runs(client)
        assert (found.info.run_name, found.info.status) == ("first", "FINISHED")
        assert found.data.tags["run_folder"] == found.data.params["run_folder"] == str(tmp_path / "first")
        assert found.data.params["training.epochs"] == "2"
        assert found.data.params["training.callbacks"] == '["mlflow"]'
        history = run.history()
        for name, column in (("loss", "loss"), ("val_re_f1", "dev_re_f1")):
            logged = client.get_metric_history(found.info.run_id, name)
            assert [item.step for item in logged] == [1, 2]
            assert [item.value for item in logged] == pytest.approx([row[column] for row in history])

    def test_a_resumed_training_continues_the_run(self, tmp_path, own, client):
        config = configs.change(configured("mlflow"), {"corpus.name": own})

        class Interrupted(tf.keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                raise KeyboardInterrupt

        run, network, corpus = workflow.begin(config, tmp_path / "run")
        with pytest.raises(KeyboardInterrupt):
            Trainer(run, network, corpus.splits["train"], corpus.splits["dev"]).fit([Interrupted()])
        [found] = self.runs(client)
        assert found.info.status == "KILLED"
        workflow.train(None, tmp_path / "run", resuming=True)
        [again] = self.runs(client)
        assert (again.info.run_id, again.info.status) == (found.info.run_id, "FINISHED")
        assert [item.step for item in client.get_metric_history(found.info.run_id, "loss")] == [1, 2]

    def test_a_deleted_run_is_begun_anew(self, tmp_path, own, client):
        config = configs.change(configured("mlflow", epochs=1), {"corpus.name": own})
        run, network, corpus = workflow.begin(config, tmp_path / "run")
        (run.path / "mlflow.json").write_text(json.dumps({"run_id": "gone"}))
        Trainer(run, network, corpus.splits["train"], corpus.splits["dev"]).fit()
        [found] = self.runs(client)
        assert json.loads((run.path / "mlflow.json").read_text())["run_id"] == found.info.run_id

    def test_a_server_that_cannot_be_reached_is_refused_at_once(self, tmp_path, own, monkeypatch):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        config = configs.change(configured("mlflow"), {"corpus.name": own})
        with pytest.raises(InputError, match=r"^Cannot write to MLflow at http://127\.0\.0\.1:9: .*\.$"):
            workflow.train(config, tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_a_resumed_run_may_have_other_callbacks(tmp_path, own):
    config = configs.change(configured(), {"corpus.name": own})
    workflow.begin(config, tmp_path / "run")
    workflow.resume(tmp_path / "run", {"training.callbacks": ["tensorboard"]})
    assert Run(tmp_path / "run").config().training.callbacks == ("tensorboard",)
