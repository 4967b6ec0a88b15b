//! A role and a conversation in, a model's answer out, through the context; knows what steps that ask models have in common.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::generate::Sampling;
use super::passages::{output, recorded};
use crate::inference::llm::{GenerateRequest, Generated, LlmSettings, Message};
use crate::workflow::context::{Call, Effect, Live, StepContext};
use crate::workflow::event::{CallKind, Spent};
use crate::workflow::failure::{Failure, FailureClass};
use crate::workflow::models::DEFAULT;

/// Seeds sent to servers have 31 bits; some refuse more.
const SEED_MASK: u64 = 0x7fff_ffff;

/// The roles of a step in the order they are tried: those it names, else the settings' default.
pub(super) fn roles(named: &[String]) -> Vec<String> {
    if named.is_empty() { vec![DEFAULT.into()] } else { named.to_vec() }
}

/// A request with the settings' limits where the step says nothing. Where the choice is free, the seed is the run's.
pub(super) fn request(
    cx: &StepContext<'_>,
    sampling: &Sampling,
    settings: &LlmSettings,
    messages: Vec<Message>,
) -> GenerateRequest {
    let mut request = GenerateRequest::new(messages, settings);
    request.tokens_max = sampling.tokens_max.unwrap_or(request.tokens_max);
    request.temperature = sampling.temperature.unwrap_or(request.temperature);
    request.seed = match sampling.seed {
        Some(seed) => seed,
        None if request.temperature > 0.0 => cx.seed() & SEED_MASK,
        // It decides nothing, and a seed of the run would keep the cache from ever answering.
        None => request.seed,
    };
    request.stop.clone_from(&sampling.stop);
    request
}

/// A model's answer, how long it took and what was counted for it, all by the record.
pub(super) struct Answered {
    pub(super) generated: Generated,
    pub(super) took_ms: f64,
    pub(super) spent: Spent,
}

/// What a call fails with when the seconds given to it are up.
pub(super) const SECONDS_UP: &str = "the seconds that this step gives its model (`seconds_max`) are up";

/// Asks the model of `role` once, within the run's limits.
///
/// # Errors
/// As [`ask_within`].
pub(super) fn ask(cx: &mut StepContext<'_>, role: &str, request: &GenerateRequest) -> Result<Generated, Failure> {
    ask_within(cx, role, request, None, &mut |_| {}).map(|answered| answered.generated)
}

/// As [`ask`], and shows the text as it comes to whoever watches the run.
///
/// # Errors
/// As [`ask_within`].
pub(super) fn ask_aloud(cx: &mut StepContext<'_>, role: &str, request: &GenerateRequest) -> Result<Answered, Failure> {
    let voice = cx.voice();
    ask_within(cx, role, request, None, &mut |text| voice(text))
}

/// Asks the model of `role` once, within the run's limits and so many seconds; `on_text` is handed the text as it comes.
///
/// # Errors
/// As [`ModelRoles::generate`](crate::workflow::models::ModelRoles::generate) and [`StepContext::call`]; [`SECONDS_UP`].
pub(super) fn ask_within(
    cx: &mut StepContext<'_>,
    role: &str,
    request: &GenerateRequest,
    seconds: Option<f64>,
    on_text: &mut dyn FnMut(&str),
) -> Result<Answered, Failure> {
    let models = cx.services.models();
    let call = Call {
        kind: CallKind::Model,
        name: models.settings(role)?.model_name().to_string(),
        request: models.describe(role, request)?,
        reserve: models.reserve(role, request)?,
        effect: Effect::None,
    };
    let response: Value = cx.call(call, &mut |live| {
        let started = Instant::now();
        let own = seconds.map(|seconds| started + Duration::from_secs_f64(seconds.clamp(0.0, SECONDS_MAX)));
        let deadline = live.deadline.into_iter().chain(own).min();
        let bounded = Live { deadline, idempotency_key: live.idempotency_key.clone(), ..*live };
        let generated = models.generate(role, request, &bounded, on_text);
        let (generated, spent) = generated.map_err(|failure| match failure.class {
            FailureClass::Timeout if own.is_some_and(|own| Instant::now() >= own) && !live.is_over() => {
                Failure::new(FailureClass::Timeout, SECONDS_UP)
            }
            _ => failure,
        })?;
        let mut response = output(&generated);
        response["took_ms"] = json!(started.elapsed().as_secs_f64() * 1000.0);
        response["spent"] = json!(spent);
        Ok((response, spent))
    })?;
    let took_ms = response["took_ms"].as_f64().unwrap_or_default();
    let spent: Option<Spent> = serde_json::from_value(response["spent"].clone()).ok();
    let generated: Generated = recorded(response, "a model")?;
    // Older records say it in the answer only.
    let spent = spent.unwrap_or(Spent {
        input_tokens: generated.input_tokens,
        output_tokens: generated.output_tokens,
        ..Spent::default()
    });
    Ok(Answered { generated, took_ms, spent })
}

/// A year: what is longer is no limit.
const SECONDS_MAX: f64 = 31_536_000.0;

/// Adds what an answer took to `spent`.
pub(super) fn add(spent: &mut Spent, taken: Spent) {
    spent.input_tokens += taken.input_tokens;
    spent.output_tokens += taken.output_tokens;
    spent.usd += taken.usd;
    spent.at_most |= taken.at_most;
}

/// Whether the next model of the list may do better than the one that failed so.
pub(super) fn another_may_do(failure: &Failure) -> bool {
    use FailureClass::{Budget, Cancelled, Expression, Rejected, Uncertain};
    !matches!(failure.class, Budget | Cancelled | Expression | Rejected | Uncertain)
}

/// The failure of a step of which every model failed: the last one's class, and what each said. A failure that another attempt
/// may mend goes before one that none will.
pub(super) fn all_failed(failures: &[(String, Failure)]) -> Failure {
    use FailureClass::{RateLimited, ServerError, Timeout, Unreachable};
    let said: Vec<String> = failures.iter().map(|(role, failure)| format!("{role}: {failure}")).collect();
    let passing = |failure: &Failure| matches!(failure.class, RateLimited | ServerError | Timeout | Unreachable);
    let leading = failures.iter().rev().find(|(_, failure)| passing(failure)).or(failures.last());
    let (class, retry_after_ms) =
        leading.map_or((FailureClass::Other, None), |(_, failure)| (failure.class, failure.retry_after_ms));
    Failure { retry_after_ms, ..Failure::new(class, said.join("; ")) }
}

/// The JSON value in a model's answer: the answer itself, what stands in a code fence, or the first object or list in it.
pub(super) fn json_in(answer: &str) -> Option<Value> {
    let answer = answer.trim();
    if let Ok(value) = serde_json::from_str(answer) {
        return Some(value);
    }
    answer.char_indices().filter(|(_, c)| matches!(c, '{' | '[')).take(OPENINGS_MAX).find_map(|(at, _)| {
        let mut values = serde_json::Deserializer::from_str(&answer[at..]).into_iter::<Value>();
        values.next().and_then(Result::ok)
    })
}

/// Brackets of an answer at which a JSON value is looked for.
const OPENINGS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_found_in_what_models_put_around_it() {
        for (answer, expected) in [
            ("{\"a\": 1}", Some(json!({ "a": 1 }))),
            ("```json\n{\"a\": 1}\n```", Some(json!({ "a": 1 }))),
            ("Here you are: [1, 2]. Anything else?", Some(json!([1, 2]))),
            ("a {curly} brace, then {\"a\": {\"b\": \"}\"}}", Some(json!({ "a": { "b": "}" } }))),
            ("\"text\"", Some(json!("text"))),
            ("no json", None),
            ("{\"a\": ", None),
            ("", None),
        ] {
            assert_eq!(json_in(answer), expected, "{answer}");
        }
    }
}
