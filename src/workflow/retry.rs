//! A failure in, how long to wait before the next attempt out.

use std::time::Duration;

use super::failure::Failure;
use super::graph::Retry;
use crate::random::Random;

/// How long to wait after attempt `attempt` (from 1) failed so; `None` when it is not tried again. `seed` decides the jitter.
pub(super) fn pause(retry: &Retry, failure: &Failure, attempt: u32, seed: u64) -> Option<Duration> {
    if attempt >= retry.attempts || !retry.on.contains(&failure.class) {
        return None;
    }
    let doubled = retry.backoff_ms.saturating_mul(1_u64.checked_shl(attempt - 1).unwrap_or(u64::MAX));
    let backoff = doubled.min(retry.backoff_ms_max);
    // Up to half of it less, so that those who failed together do not come back together, and never more than the most.
    let jitter = Random::new(seed ^ u64::from(attempt)).below(backoff as usize / 2 + 1) as u64;
    let wanted = failure.retry_after_ms.unwrap_or_default();
    // A server that wants to be left alone for longer than that would only be asked in vain.
    (wanted <= retry.backoff_ms_max).then(|| Duration::from_millis((backoff - jitter).max(wanted)))
}

/// The failure, with words on why it is not tried again where the server wants more time than the step has.
pub(super) fn with_wait(retry: &Retry, failure: Failure, attempt: u32) -> Failure {
    let max = retry.backoff_ms_max;
    match failure.retry_after_ms {
        Some(wanted) if wanted > max && attempt < retry.attempts && retry.on.contains(&failure.class) => {
            let message = format!(
                "{}; it is not tried again, because the server asks for {:.0} s of rest and retry.backoff_ms_max allows {:.0} s",
                failure.message,
                wanted as f64 / 1e3,
                max as f64 / 1e3
            );
            Failure { message, ..failure }
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::failure::FailureClass;

    #[test]
    fn pauses_double_within_their_bounds() {
        let retry = Retry { attempts: 8, backoff_ms: 100, backoff_ms_max: 1_000, ..Retry::default() };
        let failure = Failure::new(FailureClass::ServerError, "500");
        for (attempt, most) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (7, 1_000)] {
            for seed in 0..50 {
                let pause = pause(&retry, &failure, attempt, seed).unwrap().as_millis();
                assert!((most / 2..=most).contains(&pause), "attempt {attempt}: {pause} ms");
            }
        }
        assert_eq!(pause(&retry, &failure, 1, 7), pause(&retry, &failure, 1, 7));
        assert_eq!(pause(&retry, &failure, 8, 7), None, "attempts are counted");
        let refused = Failure::new(FailureClass::Refused, "401");
        assert_eq!(pause(&retry, &refused, 1, 7), None, "not of a class that is tried again");
    }

    #[test]
    fn a_server_is_asked_again_when_it_wants_to_be() {
        let retry = Retry { attempts: 3, backoff_ms: 10, backoff_ms_max: 1_000, ..Retry::default() };
        let busy = |ms| Failure { retry_after_ms: Some(ms), ..Failure::new(FailureClass::RateLimited, "429") };
        assert_eq!(pause(&retry, &busy(700), 1, 1), Some(Duration::from_millis(700)));
        assert_eq!(pause(&retry, &busy(1_001), 1, 1), None);
        assert!(with_wait(&retry, busy(120_000), 1).message.contains("asks for 120 s of rest"));
        assert_eq!(with_wait(&retry, busy(120_000), 3).message, "429", "there was no attempt left");
    }
}
