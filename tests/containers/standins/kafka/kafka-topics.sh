#!/app/.venv/spark/bin/python
"""kafka-topics.sh --bootstrap-server HOST:PORT --create --if-not-exists --topic NAME, and no more: its jar is not at hand."""

import sys

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

_, _, servers, create, only_if_absent, _, topic = sys.argv
assert (create, only_if_absent) == ("--create", "--if-not-exists"), sys.argv
client = AdminClient({"bootstrap.servers": servers})
try:
    client.create_topics([NewTopic(topic)])[topic].result(30)
except KafkaException as failed:
    if failed.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
        raise
