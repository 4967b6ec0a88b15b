//! The spans of some work in, milliseconds by name out: whoever measures listens, and what is measured knows of no clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::span::{Attributes, Id};
use tracing::{Dispatch, Subscriber, dispatcher};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// Milliseconds by the names of spans, without those of the spans inside them on the same thread.
pub type StageTimes = BTreeMap<&'static str, f64>;

/// Hears of the spans of one part of the program.
#[derive(Debug, Clone)]
pub struct Stages {
    /// The part's module path.
    of: &'static str,
    times: Arc<Mutex<StageTimes>>,
}

/// What is known of a span at work.
struct Clock {
    entered: Instant,
    own: Duration,
}

impl Stages {
    /// For the spans of the module `of`.
    #[must_use]
    pub fn new(of: &'static str) -> Self {
        Self { of, times: Arc::default() }
    }

    /// Runs `work` and hears of its spans.
    pub fn hear<T>(&self, work: impl FnOnce() -> T) -> T {
        dispatcher::with_default(&Dispatch::new(Registry::default().with(self.clone())), work)
    }

    /// What has been heard since it was last asked.
    #[must_use]
    pub fn take(&self) -> StageTimes {
        std::mem::take(&mut self.times.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Stages {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().target() == self.of
            && let Some(span) = context.span(id)
        {
            span.extensions_mut().insert(Clock { entered: Instant::now(), own: Duration::ZERO });
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(clock) = span.extensions_mut().get_mut::<Clock>()
        {
            clock.entered = Instant::now();
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut took = Duration::ZERO;
        if let Some(clock) = span.extensions_mut().get_mut::<Clock>() {
            took = clock.entered.elapsed();
            clock.own += took;
        }
        // What a span inside took is not the outer one's own, whose clock therefore starts so much later.
        if let Some(parent) = span.parent()
            && let Some(clock) = parent.extensions_mut().get_mut::<Clock>()
        {
            clock.entered += took;
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(clock) = span.extensions().get::<Clock>() {
            let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            *times.entry(span.name()).or_default() += clock.own.as_secs_f64() * 1000.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::debug_span;

    use super::*;

    fn wait(ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }

    #[test]
    fn a_span_counts_what_no_span_inside_it_took() {
        let stages = Stages::new(module_path!());
        stages.hear(|| {
            debug_span!("outer").in_scope(|| {
                let inner = debug_span!("inner");
                (0..3).for_each(|_| inner.in_scope(|| wait(40)));
                wait(10);
            });
            tracing::debug_span!(target: "elsewhere", "other").in_scope(|| wait(1));
        });
        let times = stages.take();
        assert_eq!(times.keys().copied().collect::<Vec<_>>(), ["inner", "outer"]);
        assert!(times["inner"] >= 120.0, "{times:?}");
        assert!(times["outer"] >= 10.0 && times["outer"] < times["inner"], "{times:?}");
        assert!(stages.take().is_empty());
    }
}
