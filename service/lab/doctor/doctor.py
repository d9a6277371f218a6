"""Doctor: check everything that the loop needs, as a notebook sees it."""

from service.contract.model.store import ModelStore
from service.contract.settings import Settings
from service.lab.client.client import Client
from service.lab.doctor.api_checks import check_api, check_replicas, served_models
from service.lab.doctor.diagnosis import Diagnosis
from service.lab.doctor.disk_checks import check_folders, check_space
from service.lab.doctor.log_checks import check_log
from service.lab.doctor.model_checks import check_models
from service.lab.log.copy import Log


def examine(settings: Settings, store: ModelStore, client: Client, log: Log) -> Diagnosis:
    """Run all checks once; see `Lab.doctor`."""
    responds, findings = check_api(client)
    served, libraries = None, None
    if responds:
        served, libraries, problems = served_models(client)
        findings += problems
        findings += check_replicas(served or {})
    findings += check_models(store, served, libraries)
    findings += check_folders(settings)
    findings += check_space(settings)
    findings += check_log(log, client if responds else None, settings)
    return Diagnosis(findings)
