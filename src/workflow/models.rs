//! Roles in, answers of the models behind them out: opened when first asked, priced, left alone for a while when their server fails.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::context::{Live, Reserve};
use super::event::Spent;
use super::failure::{Failure, FailureClass};
use crate::error::Result;
use crate::inference::device::{self, DeviceChoice};
use crate::inference::llm::{self, GenerateRequest, Generated, LanguageModel, LlmSettings, Surroundings};

/// The role of the model in `[llm]`, taken where a step names none.
pub const DEFAULT: &str = llm::DEFAULT_ROLE;
/// The role of the model that runs in this process; there without being named.
pub const LOCAL: &str = llm::LOCAL_ROLE;
/// The role of the drafter that takes sentences of hits, word for word; no model has it.
pub const EXTRACTIVE: &str = crate::ask::EXTRACTIVE;

/// When a model server is left alone for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// Failures in a row after which a server is left alone; 0 never does.
    pub failures_max: u32,
    /// Milliseconds that it is left alone; then one request tries whether it is back.
    pub open_ms: u64,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures_max: 5, open_ms: 30_000 }
    }
}

/// How one server has done.
#[derive(Debug, Clone, Copy, Default)]
struct Health {
    failures: u32,
    /// It is left alone until then.
    closed_until: Option<Instant>,
}

/// Counts failures by server and says whether one may be asked.
#[derive(Debug, Default)]
struct Breaker {
    settings: BreakerSettings,
    servers: Mutex<HashMap<String, Health>>,
}

impl Breaker {
    /// Whether `server` may be asked at `now`; otherwise the time until it may. The one who may ask after that time is its
    /// test: nobody else may for as long again.
    fn admit(&self, server: &str, now: Instant) -> Result<(), Duration> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(health) = servers.get_mut(server) else { return Ok(()) };
        match health.closed_until {
            Some(until) if until > now => Err(until - now),
            Some(_) => {
                health.closed_until = Some(now + Duration::from_millis(self.settings.open_ms));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn note(&self, server: &str, is_well: bool, now: Instant) {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if is_well {
            servers.remove(server);
            return;
        }
        let health = servers.entry(server.to_string()).or_default();
        health.failures = health.failures.saturating_add(1);
        if self.settings.failures_max > 0 && health.failures >= self.settings.failures_max {
            health.closed_until = Some(now + Duration::from_millis(self.settings.open_ms));
        }
    }
}

type Slot = Arc<Mutex<Option<Arc<dyn LanguageModel>>>>;

/// Language models by role.
pub struct ModelRoles {
    roles: BTreeMap<String, LlmSettings>,
    device: DeviceChoice,
    offline: bool,
    opened: Mutex<HashMap<String, Slot>>,
    breaker: Breaker,
}

impl std::fmt::Debug for ModelRoles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ModelRoles").field("roles", &self.roles.keys()).finish_non_exhaustive()
    }
}

/// How often a waiting call looks whether it shall be given up.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Tokens that a chat template may put around each message.
const MESSAGE_TOKENS_MAX: u64 = 32;
/// Tokens that a chat template may put before a conversation, such as a system message of its own.
const TEMPLATE_TOKENS_MAX: u64 = 128;

impl ModelRoles {
    /// The roles of `[models]`, with `default` as `[llm]` says and `local` in this process unless it is named too.
    #[must_use]
    pub fn new(
        named: &BTreeMap<String, LlmSettings>,
        llm: &LlmSettings,
        breaker: BreakerSettings,
        device: DeviceChoice,
        offline: bool,
    ) -> Self {
        let mut roles = llm::by_role(named, llm);
        // The engine of the workflow tries again, by the step's own rules; two who try multiply.
        roles.values_mut().for_each(|settings| settings.retries = 0);
        let breaker = Breaker { settings: breaker, servers: Mutex::default() };
        Self { roles, device, offline, opened: Mutex::default(), breaker }
    }

    /// The roles in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(String::as_str)
    }

    /// The settings of a role.
    ///
    /// # Errors
    /// [`FailureClass::Refused`] with the roles that there are.
    pub fn settings(&self, role: &str) -> Result<&LlmSettings, Failure> {
        self.roles.get(role).ok_or_else(|| {
            let known = self.names().collect::<Vec<_>>().join(", ");
            let message =
                format!("no model has the role `{role}`; add [models.{role}] to ibid.toml, or use one of: {known}");
            Failure::new(FailureClass::Refused, message)
        })
    }

    /// All that decides the answer of a role to `request`, for the record and for keys of caches.
    ///
    /// # Errors
    /// As [`Self::settings`].
    pub fn describe(&self, role: &str, request: &GenerateRequest) -> Result<Value, Failure> {
        let settings = self.settings(role)?;
        let mut described = json!(request);
        described["model"] = json!(settings.model_name());
        if let Some(url) = &settings.url {
            described["url"] = json!(url);
        }
        Ok(described)
    }

    /// What `request` may take at most. A token is at least a byte of text.
    ///
    /// # Errors
    /// As [`Self::settings`].
    pub fn reserve(&self, role: &str, request: &GenerateRequest) -> Result<Reserve, Failure> {
        let settings = self.settings(role)?;
        let message = |message: &llm::Message| {
            let calls = message.tool_calls.iter().map(|call| call.name.len() + call.arguments.len() + call.id.len());
            (message.content.len() + calls.sum::<usize>()) as u64 + MESSAGE_TOKENS_MAX
        };
        let told = |value: &Value| if value.is_null() { 0 } else { value.to_string().len() as u64 };
        let input = request.messages.iter().map(message).sum::<u64>()
            + TEMPLATE_TOKENS_MAX
            + request.tools.iter().map(|tool| told(&json!(tool)) + MESSAGE_TOKENS_MAX).sum::<u64>()
            + request.schema.as_ref().map_or(0, told);
        let output = request.tokens_max as u64;
        Ok(Reserve { tokens: input + output, usd: settings.price(input, output) })
    }

    /// Asks the model of `role`, once. Blocks until the answer is whole, or `live` is over; a model that hangs then costs its
    /// thread, not the caller. Each piece of text is handed to `on_text` as it comes.
    ///
    /// # Errors
    /// In the class that says what happened; [`FailureClass::Unreachable`] while the role's server is left alone.
    pub fn generate(
        &self,
        role: &str,
        request: &GenerateRequest,
        live: &Live<'_>,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<(Generated, Spent), Failure> {
        let settings = self.settings(role)?;
        let server = settings.url.as_deref().unwrap_or("this process");
        self.breaker.admit(server, Instant::now()).map_err(|left| {
            let failures = self.breaker.settings.failures_max;
            let message = format!(
                "the model server {server} failed {failures} times in a row and is left alone for {:.1} s (settings in [breaker])",
                left.as_secs_f64()
            );
            let retry_after_ms = Some(left.as_millis() as u64 + 1);
            Failure { retry_after_ms, ..Failure::new(FailureClass::Unreachable, message) }
        })?;
        let model = self.open(role, settings)?;
        let answered = ask(model, request.clone(), live, on_text);
        match answered.as_ref().err().map(|failure| failure.class) {
            // It was given up here; the server has neither failed nor answered.
            Some(FailureClass::Cancelled) => {}
            Some(FailureClass::Unreachable | FailureClass::Timeout | FailureClass::ServerError) => {
                self.breaker.note(server, false, Instant::now());
            }
            _ => self.breaker.note(server, true, Instant::now()),
        }
        let generated = answered?;
        let spent = self.spent(role, request, &generated)?;
        Ok((generated, spent))
    }

    /// What an answer took by its server's account, or where that says nothing the most that it may have taken, so that limits hold.
    fn spent(&self, role: &str, request: &GenerateRequest, generated: &Generated) -> Result<Spent, Failure> {
        let settings = self.settings(role)?;
        let Generated { input_tokens, output_tokens, .. } = *generated;
        let has_text = !generated.text.is_empty() || !generated.tool_calls.is_empty();
        if input_tokens > 0 && (output_tokens > 0 || !has_text) {
            return Ok(Spent { input_tokens, output_tokens, usd: settings.usd(generated), at_most: false });
        }
        let most = self.reserve(role, request)?;
        let output_max = request.tokens_max as u64;
        let input_tokens = if input_tokens > 0 { input_tokens } else { most.tokens - output_max };
        let output_tokens = if output_tokens > 0 || !has_text { output_tokens } else { output_max };
        Ok(Spent { input_tokens, output_tokens, usd: settings.price(input_tokens, output_tokens), at_most: true })
    }

    fn open(&self, role: &str, settings: &LlmSettings) -> Result<Arc<dyn LanguageModel>, Failure> {
        let slot = {
            let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
            // Roles with the same settings share one model.
            let same = self.roles.iter().find(|(_, other)| *other == settings).map_or(role, |(name, _)| name);
            Arc::clone(opened.entry(same.to_string()).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*slot {
            return Ok(Arc::clone(model));
        }
        let device = device::open(self.device)?.device;
        let surroundings = Surroundings { device: &device, manifests: None, offline: self.offline };
        let model: Arc<dyn LanguageModel> = Arc::from(llm::open(settings, surroundings)?);
        *slot = Some(Arc::clone(&model));
        Ok(model)
    }
}

/// Asks `model` on a thread of its own, so that silence does not keep the caller.
fn ask(
    model: Arc<dyn LanguageModel>,
    request: GenerateRequest,
    live: &Live<'_>,
    on_text: &mut dyn FnMut(&str),
) -> Result<Generated, Failure> {
    enum News {
        Text(String),
        End(Box<Result<Generated>>),
    }
    // Bounded: a model waits for a caller that does not keep up.
    let (sender, receiver) = sync_channel(64);
    let name = model.name().to_string();
    let run = move || {
        let mut tell = |text: &str| match text.is_empty() || sender.send(News::Text(text.to_string())).is_ok() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        };
        let generated = model.generate(&request, &mut tell);
        let _ = sender.send(News::End(Box::new(generated)));
    };
    std::thread::Builder::new()
        .name(format!("model {name}"))
        .spawn(run)
        .map_err(|error| Failure::new(FailureClass::Other, format!("no thread for the model {name}: {error}")))?;
    loop {
        match receiver.recv_timeout(LOOK_EVERY) {
            Ok(News::Text(text)) => on_text(&text),
            Ok(News::End(generated)) => return Ok((*generated)?),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::new(FailureClass::Other, format!("the language model `{name}` panicked")));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if live.stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Failure::new(FailureClass::Cancelled, "the run was stopped"));
        }
        if live.is_over() {
            let message = format!("the language model `{name}` had not ended its answer when the step's time was up");
            return Err(Failure::new(FailureClass::Timeout, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_fails_in_a_row_is_left_alone_until_one_test_goes_well() {
        let breaker =
            Breaker { settings: BreakerSettings { failures_max: 2, open_ms: 1_000 }, servers: Mutex::default() };
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        breaker.note("a", false, at(0));
        assert!(breaker.admit("a", at(1)).is_ok());
        breaker.note("a", true, at(1));
        breaker.note("a", false, at(2));
        assert!(breaker.admit("a", at(2)).is_ok(), "success starts the count anew");
        breaker.note("a", false, at(3));
        assert_eq!(breaker.admit("a", at(503)), Err(Duration::from_millis(500)));
        assert!(breaker.admit("b", at(503)).is_ok(), "another server is another matter");
        assert!(breaker.admit("a", at(1_003)).is_ok(), "one test");
        assert!(breaker.admit("a", at(1_004)).is_err(), "and no second beside it");
        breaker.note("a", false, at(1_005));
        assert!(breaker.admit("a", at(2_000)).is_err());
        assert!(breaker.admit("a", at(2_006)).is_ok());
        breaker.note("a", true, at(2_007));
        assert!(breaker.admit("a", at(2_008)).is_ok() && breaker.admit("a", at(2_009)).is_ok());
    }

    #[test]
    fn roles_are_those_named_and_two_more_and_none_tries_again_by_itself() {
        let named = BTreeMap::from([("strong".to_string(), LlmSettings { retries: 9, ..LlmSettings::default() })]);
        let llm = LlmSettings { url: Some("http://127.0.0.1:1/v1".into()), ..LlmSettings::default() };
        let roles = ModelRoles::new(&named, &llm, BreakerSettings::default(), DeviceChoice::Cpu, true);
        assert_eq!(roles.names().collect::<Vec<_>>(), ["default", "local", "strong"]);
        assert_eq!(roles.settings("strong").unwrap().retries, 0);
        assert_eq!((&roles.settings("local").unwrap().url, &roles.settings("default").unwrap().url), (&None, &llm.url));
        let failure = roles.settings("cheap").unwrap_err();
        assert!(failure.message.contains("[models.cheap]") && failure.message.contains("strong"), "{failure}");
    }
}
