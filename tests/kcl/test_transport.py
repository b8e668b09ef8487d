"""How the KCL spoke with the server while its application lived: its own defaults, no retries."""

from harness import journal, log

COMMON = {"ListShards"}
OPERATIONS = {
    "POLLING": COMMON | {"GetShardIterator", "GetRecords"},
    "FANOUT": COMMON | {
        "DescribeStreamSummary", "DescribeStreamConsumer", "RegisterStreamConsumer",
        "SubscribeToShard"},
}


def test_each_retrieval_mode_uses_its_own_operations(life):
    called = {request["operation"] for request in log.requests(life.worker.log())}
    assert called == OPERATIONS[life.worker.properties["retrievalMode"]]


def test_every_request_is_cbor_and_succeeds_at_once(life):
    # The SDK for Java sends the one operation that answers with an event stream in JSON.
    requests = log.requests(life.undisturbed_log)
    formats = {(request["operation"] == "SubscribeToShard", request["content-type"])
               for request in requests}
    assert formats <= {(False, "application/x-amz-cbor-1.1"), (True, "application/x-amz-json-1.1")}
    repeated = [r for r in requests if not r["amz-sdk-request"].startswith("attempt=1;")]
    assert repeated == []


def test_http2_pings_are_answered(life):
    assert log.ping_replies(life.worker.log(), life.server.port) > 0


def test_the_kcl_complains_about_nothing(life):
    assert log.complaints(life.undisturbed_log) == []


def test_a_fan_out_reader_subscribes_once(life):
    if life.worker.properties["retrievalMode"] == "FANOUT":
        readers = sum(len(places) for places in journal.begun(life.events()).values())
    else:
        readers = 0
    subscriptions = [r for r in log.requests(life.undisturbed_log)
                     if r["operation"] == "SubscribeToShard"]
    assert len(subscriptions) == readers


def test_fan_out_registers_its_consumer_once(life):
    if life.worker.properties["retrievalMode"] != "FANOUT":
        expected = []
    else:
        expected = [(life.worker.application, "ACTIVE")]
    summary = life.client.describe_stream_summary(StreamName=life.stream)["StreamDescriptionSummary"]
    consumers = life.client.list_stream_consumers(StreamARN=summary["StreamARN"])["Consumers"]
    assert [(c["ConsumerName"], c["ConsumerStatus"]) for c in consumers] == expected
