"""Scoring a part: it is read, checked, predicted and written; its result counts wholly or not."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import duckdb
import numpy as np
import orjson
import pandas as pd

from service.contract.errors import ScoringError, StoreError
from service.contract.model import checksums, opening
from service.contract.predictors import loading
from service.contract.predictors.predictor import Predictor
from service.contract.settings import Settings
from service.contract.signature.frame import Refused, read_frame, take
from service.contract.signature.output import Output
from service.contract.signature.partial import predict_each
from service.contract.signature.predictions import Predictions
from service.contract.signature.signature import Columns, Signature
from service.lab.client.answer_table import answer_frame
from service.lab.log.columns import Database, connect, let_read
from service.lab.score.data import csv_file, parquet
from service.lab.score.data.files import DataFile
from service.lab.score.data.parts import Part
from service.lab.score.places.place import Place
from service.lab.score.result import inputs_of, names_of, typed, typed_answers

WRITE = """
    COPY (SELECT * FROM block) TO $target
    (FORMAT parquet, COMPRESSION zstd, KV_METADATA {labloop: $said})"""
GO_ON = "What is done is kept: the same call goes on from there."
REFUSED = "_refused"  # the folder of what does not fit; other programs pass over such a name
NOTHING = "__HIVE_DEFAULT_PARTITION__"  # a folder's name for a missing value
MODELS = 2  # that a process keeps in memory


@dataclass(frozen=True)
class Job:
    """What all parts of a scoring share.

    Parameters
    ----------
    models_dir : Path
    store_url : str
    name, version, digest
        The model version, and what was published as this version.
    features : dict of str to str
        For each feature the column that has its values.
    others : dict of str to str
        Further columns, each with its dtype in the result.
    place : Place
        Where the result is to be.
    staging : str
        What the place needs to write there.
    fingerprint : str
        The plan's.
    """

    models_dir: Path
    store_url: str
    name: str
    version: int
    digest: str
    features: dict[str, str]
    others: dict[str, str]
    place: Place
    staging: str
    fingerprint: str


@dataclass(frozen=True)
class Source:
    """Where the rows of a part are: in a file, or in a table that comes with the part."""

    file: DataFile | None = None
    head: csv_file.Head | None = None
    table: pd.DataFrame | None = None


@dataclass(frozen=True)
class Scored:
    """A part that is done: its number, and how many rows were predicted and refused."""

    number: int
    rows: int
    refused: int


def score_part(job: Job, part: Part, source: Source) -> Scored:
    """Score a part. When this returns, its result is in its place.

    Raises
    ------
    ScoringError
        The file or the model is not as it was planned.
    """
    predictor = predictor_of(job)
    with connect() as database:
        database.execute("SET threads = 1")  # other processes have the other cores
        frame, unread = read(database, job, part, source, predictor.signature)
        answers, columns, refused = predict(predictor, frame, unread)
        inputs = inputs_of(predictor.signature, columns, frame.iloc[answers.index], job.others)
        names = names_of(inputs, answers)
        block = _places(part, source, answers.index.to_numpy()) | {
            name: column.array for name, column in answers.items()
        }
        block |= {"model": job.name, "version": job.version, "digest": job.digest}
        block["time"] = pd.Timestamp.now("UTC").as_unit("us")
        block |= {names[name]: values for name, values in inputs.items()}
        done = Scored(part.number, len(answers), len(refused))
        if refused:
            misfits = _misfits(predictor.signature, frame, part, source, refused)
            _write(database, job, done, f"{REFUSED}/{part.name}", misfits)
        _write(database, job, done, part.name, block)  # last: this one counts
    return done


def predictor_of(job: Job) -> Predictor:
    """Load the version of a job as the API does, once for all parts that a process scores.

    Raises
    ------
    ScoringError
        Another model was published under this number meanwhile.
    ArtifactError
        Its files are not as published.
    """
    return _loaded(job.models_dir, job.store_url, job.name, job.version, job.digest)


@lru_cache(MODELS)
def _loaded(models_dir: Path, store_url: str, name: str, version: int, digest: str) -> Predictor:
    store = opening.for_lab(Settings(models_dir=models_dir, store_url=store_url))
    store.fetch(name, version)
    found = checksums.digest(store.folder(name, version))
    if found != digest:
        raise ScoringError(
            f"{name} version {version} is {found} in {store.place}, and not {digest}, with which "
            "the scoring began. Do all processes see the same store?"
        )
    passed = loading.load(store, name, version, "this process")
    return Predictor(passed.estimator, passed.manifest.signature, passed.verdict)


def read(
    database: Database, job: Job, part: Part, source: Source, signature: Signature
) -> tuple[pd.DataFrame, Refused]:
    """Read the rows of a part.

    Returns
    -------
    frame : DataFrame of shape (n_rows, n_columns)
        Its features are called as in the signature.
    unread : dict of int to str
        Rows that are none.
    """
    keys = {} if source.file is None else dict(source.file.keys)
    wanted = [*job.features.values(), *job.others]
    features = {job.features[f.name]: f for f in signature.features if f.name in job.features}
    unread: Refused = {}
    if source.file is None:
        assert source.table is not None
        frame = source.table[wanted].reset_index(drop=True)
    elif source.head is None:
        let_read(database, source.file.path)
        own = [name for name in wanted if name not in keys]
        frame = parquet.read_rows(database, source.file.path, own, part.start, part.stop)
    else:
        path, head = source.file.path, source.head
        frame, unread = csv_file.read_records(path, head, part.start, part.stop, features)
    if len(frame) != part.rows:
        where = "the table" if source.file is None else source.file.path
        raise ScoringError(
            f"{where} has {len(frame):,} rows where {part.rows:,} were planned: it was changed "
            "meanwhile. Score it again, into a new folder."
        )
    for name, value in keys.items():
        if name in wanted and name not in frame:
            frame[name] = pd.Series([None if value == NOTHING else value] * len(frame), dtype="str")
    if source.file is not None:
        for name, feature in features.items():
            if source.head is not None or name in keys:
                frame[name] = csv_file.from_text(feature, frame[name])
    frame = frame.rename(columns={column: name for name, column in job.features.items()})
    absent = [name for name in signature.names if name not in frame]
    return frame.assign(**dict.fromkeys(absent)), unread


def predict(
    predictor: Predictor, frame: pd.DataFrame, unread: Refused
) -> tuple[pd.DataFrame, Columns, Refused]:
    """Predict the rows that can be.

    Returns
    -------
    answers : DataFrame of shape (n_predicted, …)
        Indexed by the place of each row.
    columns : dict of str to list or ndarray, each of shape (n_predicted,)
        What was predicted from.
    refused : dict of int to str
        The other rows, with the reasons.
    """
    signature = predictor.signature
    columns, refused = read_frame(signature, frame)
    refused |= unread
    rows: list[int] | range = range(len(frame))
    if refused:
        rows = [row for row in rows if row not in refused]
    parts, without = predict_each(predictor.many, signature, columns, rows)
    refused |= without
    output = signature.output
    tables = [answer_frame(given, output).set_index(pd.Index(at)) for at, given in parts]
    if not tables:
        tables = [no_answers(output)]
    answers = typed_answers(pd.concat(tables).sort_index(), output)
    if len(answers) < len(frame):
        columns = take(columns, answers.index.to_numpy())
    return answers, columns, refused


def no_answers(output: Output) -> pd.DataFrame:
    """Return the columns of predictions, without a row."""
    nothing = Predictions.model_construct(
        predictions=[],
        probabilities=[] if output.probabilities else None,
        scores=[] if output.score else None,
    )
    return answer_frame(nothing, output)


def _places(part: Part, source: Source, rows: np.ndarray) -> dict[str, object]:
    """Say where rows come from."""
    places: dict[str, object] = {"row": part.first + rows}
    return places if source.file is None else places | {"file": source.file.path}


def _misfits(
    signature: Signature, frame: pd.DataFrame, part: Part, source: Source, refused: Refused
) -> dict[str, object]:
    """Return what is written of refused rows: the reason, and the values as text."""
    rows = np.array(sorted(refused))
    reasons = typed([refused[row] for row in rows.tolist()], "str")
    shown = [str(name) for name in frame.columns if name not in signature.private]
    names = names_of(shown, ["reason"])
    values = {names[name]: typed(frame[name].iloc[rows], "str") for name in shown}
    return _places(part, source, rows) | {"reason": reasons} | values


def _write(
    database: Database, job: Job, done: Scored, name: str, columns: dict[str, object]
) -> None:
    """Write a table under a name at once, so that it is whole after a crash or a power cut."""
    said = orjson.dumps({"fingerprint": job.fingerprint, **asdict(done)}).decode()
    database.register("block", pd.DataFrame(columns))

    def write(file: Path) -> None:
        database.execute(WRITE, {"target": str(file), "said": said})

    try:
        job.place.put(job.staging, name, write)
    except (duckdb.IOException, OSError, StoreError) as error:
        reason = str(error).splitlines()[0]
        raise ScoringError(f"{job.place}/{name} cannot be written: {reason} {GO_ON}") from error
