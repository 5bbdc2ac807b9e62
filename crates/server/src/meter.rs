//! What is counted of every request: how it ended and how long it took, by route.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Time between two tidyings of what the histograms have taken in, which grows by every request.
const TIDYING: Duration = Duration::from_secs(1);

/// The meters of one route. Each is made when it first counts, and then kept: to look one up costs more than to count.
pub(crate) struct Meter {
    route: &'static str,
    /// Answers by class of their status, `1xx` first.
    classes: [OnceLock<Counter>; 5],
    seconds: OnceLock<Histogram>,
}

impl Meter {
    /// The meters of `route`.
    pub(crate) const fn new(route: &'static str) -> Meter {
        Meter { route, classes: [const { OnceLock::new() }; 5], seconds: OnceLock::new() }
    }

    /// Counts an answer.
    pub(crate) fn count(&self, status: u16, elapsed: Duration) {
        const NAMES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        let class = usize::from((status / 100).clamp(1, 5) - 1);
        let counter = self.classes[class].get_or_init(
            || metrics::counter!("basalt_requests_total", "route" => self.route, "status" => NAMES[class]),
        );
        counter.increment(1);
        let seconds = self.seconds.get_or_init(|| metrics::histogram!("basalt_request_seconds", "route" => self.route));
        seconds.record(elapsed.as_secs_f64());
    }
}

/// The process's one recorder.
pub(crate) fn recorder() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds)
                .unwrap_or_else(|_| PrometheusBuilder::new());
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            // Another recorder (an embedding program's) may stand already; then ours only renders nothing.
            let _ = metrics::set_global_recorder(recorder);
            handle
        })
        .clone()
}

/// Tidies for as long as it is polled.
pub(crate) async fn tidy(recorder: PrometheusHandle) {
    let mut due = tokio::time::interval(TIDYING);
    loop {
        due.tick().await;
        recorder.run_upkeep();
    }
}
