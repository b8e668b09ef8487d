use super::*;
use crate::metrics::Metrics;
use crate::pipeline::{Answer, Failure, Fault, OpenShard, OutgoingRecord, RecordAnswer};
use crate::record::PutErrorKind;
use crate::service::Answering;
use anabranch_model::hash_key::{self, uniform_ranges};
use anabranch_protocol::aggregation::Aggregate;
use tokio::sync::watch;

/// The data of a record that the service refuses.
const REFUSED: &str = "refused";

/// A service of four shards that stores what it is sent, when it is up.
#[derive(Clone, Debug)]
pub(super) struct Fake {
    is_up: watch::Sender<bool>,
    /// User records of each request, by their data.
    requests: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Fake {
    pub(super) fn new() -> Self {
        Self { is_up: watch::Sender::new(true), requests: Arc::default() }
    }

    fn stored(&self) -> Vec<String> {
        self.requests.lock().concat()
    }
}

fn texts(record: &OutgoingRecord) -> Vec<String> {
    let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
    match Aggregate::parse(&record.data) {
        Some(aggregate) => aggregate.records().map(|user| text(user.data)).collect(),
        None => vec![text(&record.data)],
    }
}

fn shards() -> Vec<OpenShard> {
    let shard = |(number, range)| OpenShard { id: format!("shard-{number}").into(), range };
    uniform_ranges(4).into_iter().enumerate().map(shard).collect()
}

impl Service for Fake {
    fn put_records<'a>(
        &'a self,
        _: &'a str,
        records: Vec<OutgoingRecord>,
    ) -> Answering<'a, Answer> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if !*self.is_up.borrow() {
                let reason = Reason { code: "Unreachable".into(), message: "it is down".into() };
                return Answer::Failed(Failure { reason, fault: Fault::NothingStored });
            }
            if records.iter().flat_map(texts).any(|text| text == REFUSED) {
                let (code, message) = ("ValidationException".into(), "it is refused".into());
                let reason = Reason { code, message };
                return Answer::Failed(Failure { reason, fault: Fault::Invalid });
            }
            self.requests.lock().push(records.iter().flat_map(texts).collect());
            let answer = |record: &OutgoingRecord| {
                let own = hash_key::of_partition_key(&record.partition_key);
                let key = record.explicit_hash_key.unwrap_or(own);
                let shard = shards().into_iter().find(|shard| shard.range.contains(key));
                RecordAnswer::Stored {
                    shard: shard.expect("they cover the ring").id,
                    sequence_number: "1".into(),
                }
            };
            Answer::Records(records.iter().map(answer).collect())
        })
    }

    fn open_shards<'a>(&'a self, _: &'a str) -> Answering<'a, Result<Vec<OpenShard>, Reason>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok(shards())
        })
    }
}

pub(super) fn producer(fake: &Fake, settings: Settings) -> Producer {
    Producer::with(Box::new(fake.clone()), settings)
}

pub(super) fn record(number: usize) -> Record {
    Record::new(format!("key-{}", number % 7), format!("record-{number}"))
}

pub(super) const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn each_record_has_a_receipt_and_few_have_a_request_of_their_own() {
    let fake = Fake::new();
    let producer = producer(&fake, Settings::default());
    let mut receipts = Vec::new();
    for number in 0..1000 {
        receipts.push(producer.put("s", record(number)).await.expect("taken"));
        if number == 3 {
            producer.flush().await;
        }
    }
    producer.close(PATIENCE).await.expect("all have an outcome");
    for receipt in receipts {
        let stored = receipt.await.expect("stored");
        assert_eq!(stored.attempt_count(), 1);
        assert!(!stored.may_be_twice());
    }
    let mut stored = fake.stored();
    stored.sort_unstable();
    let mut put: Vec<_> = (0..1000).map(|number| format!("record-{number}")).collect();
    put.sort_unstable();
    assert_eq!(stored, put);
    assert!(fake.requests.lock().len() <= 4, "{} requests", fake.requests.lock().len());
}

#[tokio::test(start_paused = true)]
async fn a_lone_record_waits_no_longer_than_it_may() {
    let fake = Fake::new();
    let linger = Duration::from_millis(100);
    let producer = producer(&fake, Settings::default());
    for round in 0..10 {
        let put_at = Instant::now();
        let receipt = producer.put("s", record(round)).await.expect("taken");
        let stored = receipt.await.expect("stored");
        // A request takes 5 ms, and so does the map, which comes meanwhile; timers have milliseconds.
        let added = put_at.elapsed() - Duration::from_millis(5);
        assert!(added <= linger + Duration::from_millis(1), "round {round}: {added:?}");
        assert!(stored.attempts()[0].delay <= linger + Duration::from_millis(1));
    }
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_and_put_waits_through_an_outage() {
    let fake = Fake::new();
    fake.is_up.send_replace(false);
    let one = record(0).size() + Settings::RECORD_OVERHEAD_BYTES;
    let settings =
        Settings { buffer_max_bytes: 10 * one + one / 2, record_ttl: None, ..Settings::default() };
    let producer = producer(&fake, settings);
    let mut receipts = Vec::new();
    for number in 0..10 {
        receipts.push(producer.try_put("s", record(number % 7)).expect("room"));
    }
    let refused = producer.try_put("s", record(1)).expect_err("the buffer is full");
    assert_eq!(refused, TryPutError::Full(Box::new(record(1))));
    let waiting = producer.put("s", record(1));
    tokio::pin!(waiting);
    // Hours.
    assert!(timeout(Duration::from_secs(20_000), &mut waiting).await.is_err());
    let attempts = fake.requests.lock().len();
    assert_eq!(attempts, 0);
    fake.is_up.send_replace(true);
    receipts.push(waiting.await.expect("taken"));
    for receipt in receipts {
        let stored = receipt.await.expect("stored");
        assert!(stored.attempts().len() <= 11, "the attempts of hours are not all kept");
    }
    assert_eq!(fake.stored().len(), 11);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_fails_and_says_why() {
    let fake = Fake::new();
    fake.is_up.send_replace(false);
    let producer = producer(&fake, Settings::default());
    let put_at = Instant::now();
    let error = producer.put("s", record(0)).await.expect("taken").await.expect_err("too old");
    assert_eq!((error.kind, error.may_be_stored), (PutErrorKind::Expired, false));
    assert!(put_at.elapsed().abs_diff(Duration::from_secs(30)) < Duration::from_secs(1));
    assert!(error.to_string().contains("Expired"), "{error}");
    let first = error.attempts[0].error.as_ref().expect("it failed");
    assert_eq!(&*first.0, "Unreachable");
    assert!(error.attempt_count > 5);
}

#[tokio::test(start_paused = true)]
async fn closing_says_what_was_not_sent() {
    let fake = Fake::new();
    fake.is_up.send_replace(false);
    let producer = producer(&fake, Settings::default());
    let mut receipts = Vec::new();
    for number in 0..5 {
        receipts.push(producer.put("s", record(number)).await.expect("taken"));
    }
    let error = producer.close(Duration::from_secs(1)).await.expect_err("it is down");
    assert_eq!(error.unsent, 5);
    for receipt in receipts {
        let error = receipt.await.expect_err("not stored");
        assert_eq!(error.kind, PutErrorKind::Closed);
    }
    let refused = producer.put("s", record(0)).await.expect_err("closed");
    assert_eq!(refused, Refused::Closed);
    let other = producer.try_put("other", record(0)).expect_err("closed");
    assert_eq!(other, TryPutError::Refused(Refused::Closed));
    producer.close(PATIENCE).await.expect("nothing is left");
}

#[tokio::test(start_paused = true)]
async fn what_was_put_before_the_last_producer_is_dropped_is_sent() {
    let fake = Fake::new();
    let producer = producer(&fake, Settings::default());
    let receipt = producer.clone().put("s", record(0)).await.expect("taken");
    drop(producer);
    receipt.await.expect("stored");
    assert_eq!(fake.stored(), ["record-0"]);
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_stored_is_refused_at_once() {
    let producer = producer(&Fake::new(), Settings::default());
    for (key, characters) in [(String::new(), 0), ("k".repeat(257), 257), ("é".repeat(300), 300)] {
        let refused = producer.put("s", Record::new(key, "data")).await.expect_err("refused");
        assert_eq!(refused, Refused::PartitionKey { characters });
    }
    let whole = vec![0; (1 << 20) - 512];
    for key in ["é".repeat(256), "k".repeat(256)] {
        drop(producer.put("s", Record::new(key, whole.clone())).await.expect("taken"));
    }
    let refused =
        producer.put("s", Record::new("é".repeat(256), [&whole[..], &[0]].concat())).await;
    assert_eq!(
        refused.expect_err("refused"),
        Refused::TooLarge { bytes: (1 << 20) + 1, max: 1 << 20 }
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_records_are_aggregated_too_where_the_shards_are_known() {
    for is_prepared in [true, false] {
        let fake = Fake::new();
        let producer = producer(&fake, Settings::default());
        if is_prepared {
            producer.prepare("s").await.expect("it is up");
        }
        let mut receipts = Vec::new();
        for _ in 0..10 {
            let record = Record::new("one key", "data");
            receipts.push(producer.put("s", record).await.expect("taken"));
        }
        producer.flush().await;
        for (place, receipt) in receipts.into_iter().enumerate() {
            let stored = receipt.await.expect("stored");
            let expected = is_prepared.then_some(u32::try_from(place).expect("few"));
            assert_eq!(stored.sub_sequence_number(), expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_is_told_while_it_lasts() {
    let fake = Fake::new();
    let producer = producer(&fake, Settings::default());
    assert_eq!(producer.trouble("s"), None);
    fake.is_up.send_replace(false);
    let receipt = producer.put("s", record(0)).await.expect("taken");
    let trouble = loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if let Some(trouble) = producer.trouble("s") {
            break trouble;
        }
    };
    assert_eq!((&*trouble.code, &*trouble.message), ("Unreachable", "it is down"));
    assert_eq!(producer.trouble("another"), None);
    fake.is_up.send_replace(true);
    receipt.await.expect("stored");
    assert_eq!(producer.trouble("s"), None);
}

fn spooling(fake: &Fake, disk: &anabranch_env::FakeDisk, settings: Settings) -> Producer {
    let spool = Some(crate::Spool::new("/spool").max_bytes(4 << 20));
    let disk = Arc::new(disk.clone());
    let settings = Settings { spool, ..settings };
    Producer::open_with(Box::new(fake.clone()), settings, disk).expect("opened")
}

#[tokio::test(start_paused = true)]
async fn with_a_spool_an_outage_may_be_longer_than_memory_and_nothing_is_lost_in_it() {
    let (fake, disk) = (Fake::new(), anabranch_env::FakeDisk::default());
    fake.is_up.send_replace(false);
    let one = record(0).size() + Settings::RECORD_OVERHEAD_BYTES;
    let settings = Settings { buffer_max_bytes: 10 * one, ..Settings::default() };
    let producer = spooling(&fake, &disk, settings);
    let mut receipts = Vec::new();
    for number in 0..30 {
        let record = Record::new("one key", format!("record-{number:03}")).ordered();
        receipts.push(producer.put("s", record).await.expect("taken"));
    }
    for number in 30..200 {
        let record = Record::new("one key", format!("record-{number:03}")).ordered();
        drop(producer.put("s", record).await.expect("taken"));
    }
    // Hours.
    let flushed = timeout(Duration::from_secs(20_000), producer.flush()).await;
    assert!(flushed.is_err());
    assert_eq!(producer.spool().expect("there is one").records, 200);
    fake.is_up.send_replace(true);
    for receipt in receipts {
        receipt.await.expect("stored");
    }
    producer.close(PATIENCE).await.expect("all have an outcome");
    let put: Vec<_> = (0..200).map(|number| format!("record-{number:03}")).collect();
    assert_eq!(fake.stored(), put);
    assert_eq!(producer.spool().expect("there is one").records, 0);
}

#[tokio::test(start_paused = true)]
async fn many_records_are_durable_after_one_sync_and_what_is_not_kept_is_said() {
    let (fake, disk) = (Fake::new(), anabranch_env::FakeDisk::default());
    fake.is_up.send_replace(false);
    let producer = spooling(&fake, &disk, Settings::default());
    producer.try_spool("s", record(0)).expect("room").0.await.expect("kept");
    let before = disk.operations();
    let taken: Vec<_> =
        (1..1_000).map(|number| producer.try_spool("s", record(number)).expect("room")).collect();
    let mut receipts = Vec::new();
    for (spooling, receipt) in taken {
        spooling.await.expect("kept");
        receipts.push(receipt);
    }
    assert!(disk.operations() - before < 100, "{}", disk.operations() - before);
    assert_eq!(producer.spool().expect("there is one").records, 1_000);
    disk.set_space(Some(0));
    let (spooling, _receipt) = producer.try_spool("s", record(0)).expect("room in the spool");
    assert_eq!(spooling.await, Err(crate::SpoolTrouble::NoRoom));
    assert_eq!(producer.spool().expect("there is one").records, 1_000);
    disk.set_space(None);
    fake.is_up.send_replace(true);
    for receipt in receipts {
        receipt.await.expect("stored");
    }
    producer.close(PATIENCE).await.expect("all have an outcome");
}

#[tokio::test(start_paused = true)]
async fn a_record_of_the_spool_that_is_refused_is_counted_with_its_reason() {
    let (fake, disk) = (Fake::new(), anabranch_env::FakeDisk::default());
    let producer = spooling(&fake, &disk, Settings::default());
    for number in 0..3 {
        drop(producer.put("s", record(number)).await.expect("taken"));
    }
    drop(producer.put("s", Record::new("key", REFUSED)).await.expect("taken"));
    producer.close(PATIENCE).await.expect("all have an outcome");
    let status = producer.spool().expect("there is one");
    assert_eq!((status.stored, status.found_stored, status.failed), (3, 0, 1));
    assert_eq!(status.failure.as_deref(), Some("ValidationException: it is refused"));
}

#[tokio::test(start_paused = true)]
async fn what_a_producer_did_not_send_the_next_one_sends() {
    for is_closed in [true, false] {
        let (fake, disk) = (Fake::new(), anabranch_env::FakeDisk::default());
        fake.is_up.send_replace(false);
        let producer = spooling(&fake, &disk, Settings::default());
        let mut receipts = Vec::new();
        for number in 0..100 {
            receipts.push(producer.put("s", record(number)).await.expect("taken"));
        }
        if is_closed {
            let error = producer.close(Duration::from_secs(1)).await.expect_err("it is down");
            assert_eq!(error.unsent, 100);
            let refused = producer.put("s", record(0)).await.expect_err("closed");
            assert_eq!(refused, Refused::Closed);
        }
        let disk = disk.power_cut(anabranch_env::PowerCut::DropsUnsynced, 7);
        let other = Fake::new();
        let producer = spooling(&other, &disk, Settings::default());
        assert_eq!(producer.spool().expect("there is one").found, 100);
        let receipt = producer.put("s", record(100)).await.expect("taken");
        producer.close(PATIENCE).await.expect("all have an outcome");
        let status = producer.spool().expect("there is one");
        assert_eq!((status.stored, status.found_stored, status.failed), (101, 100, 0));
        assert_eq!(status.maybe_twice, 100);
        assert!(!receipt.await.expect("stored").may_be_twice());
        let mut stored = other.stored();
        stored.sort_unstable();
        let mut put: Vec<_> = (0..101).map(|number| format!("record-{number}")).collect();
        put.sort_unstable();
        assert_eq!(stored, put);
        assert!(fake.stored().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_happened_is_counted_once_whoever_asks() {
    let fake = Fake::new();
    let producer = producer(&fake, Settings::default());
    producer.prepare("s").await.expect("shards");
    fake.is_up.send_replace(false);
    for number in 0..100 {
        let _receipt = producer.put("s", record(number)).await.expect("taken");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let all = |metrics: &Metrics, name: &str| {
        let mut found = metrics.iter().filter(|metric| metric.name.as_str() == name);
        found.next().map(|metric| (metric.statistics.count, metric.statistics.sum))
    };
    assert_eq!(all(&producer.metrics(), "UserRecordsPut"), None);
    let text = producer.metrics().to_prometheus();
    assert!(
        text.contains("\nanabranch_producer_user_records_pending{stream=\"s\"} 100\n"),
        "{text}"
    );
    fake.is_up.send_replace(true);
    producer.flush().await;
    let metrics = producer.metrics();
    assert_eq!(all(&metrics, "UserRecordsReceived"), Some((100, 100.0)));
    assert_eq!(all(&metrics, "UserRecordsPut"), Some((100, 100.0)));
    let bytes: usize = (0..100).map(|number| record(number).size() - "key-0".len()).sum();
    assert_eq!(all(&metrics, "UserRecordsDataPut"), Some((100, bytes as f64)));
    let (attempts, stored) = all(&metrics, "KinesisRecordsPut").expect("counted");
    let errors = all(&metrics, "ErrorsByCode").expect("counted");
    assert_eq!((attempts - stored as u64) as f64, errors.1);
    assert_eq!(all(&metrics, "AllErrors"), Some(errors));
    // All were tried as often.
    let (_, retries) = all(&metrics, "RetriesPerRecord").expect("counted");
    assert!(retries >= 100.0 && errors.1 >= stored, "{retries} {errors:?}");
    let of_shards: f64 = metrics
        .iter()
        .filter(|metric| {
            metric.name.as_str() == "UserRecordsPut" && metric.dimensions().count() == 2
        })
        .map(|metric| metric.statistics.sum)
        .sum();
    assert_eq!(of_shards, 100.0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(producer.metrics_of_last(60).iter().count(), 0);
    assert_eq!(all(&producer.metrics(), "UserRecordsPut"), Some((100, 100.0)));
}

#[tokio::test(start_paused = true)]
async fn what_expired_is_counted() {
    let fake = Fake::new();
    let settings = Settings { record_ttl: Some(Duration::from_secs(1)), ..Settings::default() };
    let producer = producer(&fake, settings);
    fake.is_up.send_replace(false);
    for number in 0..3 {
        let _receipt = producer.put("s", record(number)).await.expect("taken");
    }
    producer.flush().await;
    let metrics = producer.metrics();
    let found = |name: &str, code: Option<&str>| {
        let is_it = |metric: &&crate::Metric| {
            metric.name.as_str() == name && metric.error_code.as_deref() == code
        };
        let metric = metrics.iter().find(is_it).expect("counted");
        (metric.statistics.count, metric.statistics.sum)
    };
    assert_eq!(found("UserRecordExpired", None), (3, 3.0));
    assert_eq!(found("ErrorsByCode", Some("Expired")), (3, 3.0));
    assert_eq!(found("UserRecordsPut", None), (3, 0.0));
    assert!(found("ErrorsByCode", Some("Unreachable")).1 >= 3.0);
}
