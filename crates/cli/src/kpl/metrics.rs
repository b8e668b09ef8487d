//! What the Java half can ask of by `getMetrics`: the producer's counts.

use anabranch_producer::{Metrics, Producer, Statistics};

use super::messages::{Dimension, Metric, MetricsRequest, MetricsResponse, Stats};

/// What was asked for.
pub(super) fn answer(producer: &Producer, request: &MetricsRequest) -> MetricsResponse {
    let metrics = match request.seconds {
        None => producer.metrics(),
        Some(seconds) => producer.metrics_of_last(seconds),
    };
    of(&metrics, request.name.as_deref())
}

/// Those of a name; without one, or with an empty one, all.
fn of(metrics: &Metrics, name: Option<&str>) -> MetricsResponse {
    let is_wanted = |metric: &&anabranch_producer::Metric| {
        name.is_none_or(|name| name.is_empty() || name == metric.name.as_str())
    };
    let message = |metric: &anabranch_producer::Metric| Metric {
        name: metric.name.as_str().to_owned(),
        dimensions: metric
            .dimensions()
            .map(|(key, value)| Dimension { key: key.to_owned(), value: value.to_owned() })
            .collect(),
        stats: Some(stats(&metric.statistics)),
        seconds: metrics.seconds(),
    };
    MetricsResponse { metrics: metrics.iter().filter(is_wanted).map(message).collect() }
}

fn stats(statistics: &Statistics) -> Stats {
    let mean = statistics.mean();
    let Statistics { count, sum, min, max, .. } = *statistics;
    Stats { count: count as f64, sum, mean, min, max }
}
