//! Uploads of metrics, on stopped time.

use super::tests::{Fake, PATIENCE, producer, record};
use super::*;
use crate::metrics::{MetricName, MetricsSink, Upload, UploadError};
use std::pin::Pin;

const MINUTE: Duration = Duration::from_secs(60);

/// A sink that keeps what it takes, and takes nothing while it is down.
#[derive(Clone, Debug, Default)]
struct FakeSink {
    taken: Arc<Mutex<Vec<Upload>>>,
    is_down: Arc<AtomicBool>,
    asked: Arc<Notify>,
}

impl MetricsSink for FakeSink {
    fn put<'a>(
        &'a self,
        upload: &'a Upload,
    ) -> Pin<Box<dyn Future<Output = Result<(), UploadError>> + Send + 'a>> {
        Box::pin(async move {
            self.asked.notify_one();
            if self.is_down.load(Ordering::Relaxed) {
                return Err(UploadError::NotNow("it is down".to_owned()));
            }
            self.taken.lock().push(upload.clone());
            Ok(())
        })
    }
}

impl FakeSink {
    /// The sums of a metric of all streams, upload by upload.
    fn sums(&self, name: MetricName) -> Vec<f64> {
        let of_name = |upload: &Upload| {
            let mut of_name = upload.metrics.iter().filter(|metric| metric.name == name);
            of_name.next().map(|metric| metric.statistics.sum)
        };
        self.taken.lock().iter().filter_map(of_name).collect()
    }
}

async fn store(producer: &Producer, count: usize) {
    for number in 0..count {
        drop(producer.put("s", record(number)).await.expect("taken"));
    }
    producer.flush().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_is_uploaded_once_and_the_rest_at_the_end() {
    let (fake, sink) = (Fake::new(), FakeSink::default());
    let producer = producer(&fake, Settings::default());
    producer.upload_metrics(sink.clone(), MINUTE);
    store(&producer, 10).await;
    sink.asked.notified().await;
    store(&producer, 20).await;
    sink.asked.notified().await;
    store(&producer, 3).await;
    producer.close(PATIENCE).await.expect("all have an outcome");
    assert_eq!(sink.sums(MetricName::UserRecordsPut), [10.0, 20.0, 3.0]);
    assert_eq!(sink.sums(MetricName::UserRecordsReceived), [10.0, 20.0, 3.0]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_down_holds_nothing_up_and_has_it_all_later() {
    let (fake, sink) = (Fake::new(), FakeSink::default());
    let producer = producer(&fake, Settings::default());
    producer.upload_metrics(sink.clone(), MINUTE);
    sink.is_down.store(true, Ordering::Relaxed);
    for _ in 0..5 {
        store(&producer, 10).await;
        sink.asked.notified().await;
    }
    sink.is_down.store(false, Ordering::Relaxed);
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(sink.sums(MetricName::UserRecordsPut).iter().sum::<f64>(), 50.0);
    let times: Vec<u64> = sink.taken.lock().iter().map(|upload| upload.at_ms).collect();
    assert!(times.is_sorted());
    producer.close(PATIENCE).await.expect("all have an outcome");
}

#[tokio::test(start_paused = true)]
async fn uploads_end_with_the_producer_and_with_others_that_follow() {
    let (fake, first, second) = (Fake::new(), FakeSink::default(), FakeSink::default());
    let producer = producer(&fake, Settings::default());
    producer.upload_metrics(first.clone(), MINUTE);
    store(&producer, 1).await;
    producer.upload_metrics(second.clone(), MINUTE);
    first.asked.notified().await;
    store(&producer, 2).await;
    drop(producer);
    second.asked.notified().await;
    assert_eq!(first.sums(MetricName::UserRecordsPut), [1.0]);
    assert_eq!(second.sums(MetricName::UserRecordsPut), [2.0]);
    // Nobody has them any more when the tasks have ended.
    while Arc::strong_count(&second.taken) > 1 || Arc::strong_count(&first.taken) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_down_does_not_keep_a_producer_from_its_end() {
    let (fake, sink) = (Fake::new(), FakeSink::default());
    sink.is_down.store(true, Ordering::Relaxed);
    let producer = producer(&fake, Settings::default());
    producer.upload_metrics(sink.clone(), MINUTE);
    store(&producer, 1).await;
    let before = Instant::now();
    producer.close(PATIENCE).await.expect("all have an outcome");
    assert!(before.elapsed() < PATIENCE);
    assert!(sink.taken.lock().is_empty());
}
