"""Messages and configurations that tests of the alerting stream begin with."""

import pytest
from unit.alerting.making import NOW, make_incident

from alerting import config, documents
from alerting.messages import Message, message_id


@pytest.fixture
def message():
    """Make a message for a channel; keywords replace its fields."""

    def make(integration, **fields):
        incident = fields.pop("incident", None) or make_incident()
        own = {
            "id": message_id(incident.id, NOW, "team", integration.kind),
            "at": NOW,
            "receiver": "team",
            "channel": integration.kind,
            "integration": integration,
            "incident": incident,
            "alerts": tuple(incident.alerts),
            "reason": "first_notification",
            "update_every": 900.0,
        }
        return Message(**own | fields)

    return make


@pytest.fixture
def read():
    """Make a configuration of a YAML text."""

    def make(text, environment=None):
        return config.read(documents.parse(text, "alerting.yaml"), environment or {})

    return make
