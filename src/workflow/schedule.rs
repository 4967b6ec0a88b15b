//! What has happened in one graph in, which steps are next out: a pure state machine that knows no run, clock or record.
//!
//! A step's *end* is how its own visit ended. Its *final word* is what its dependents read: its own output, or that of the step that
//! stands in for it. A step whose arrow back was chosen has no final word until the arrow is taken, so nothing after it begins.

mod plan;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::event::Outcome;
pub use plan::Plan;

/// A step that can be visited now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Its place in the plan.
    pub step: usize,
    /// Which visit this is, from 1.
    pub visit: u32,
    /// Whether it may run; otherwise no branch leads to it, and it is to end as skipped.
    pub alive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Ready,
    AtWork,
    Ended(Outcome),
}

#[derive(Debug, Clone)]
struct State {
    visits: u32,
    phase: Phase,
    /// Final words and ends that it still waits for.
    waits: usize,
    /// Whether its final word is there.
    settled: bool,
    /// Whether that word is an output.
    alive: bool,
    output: Arc<Value>,
    last: Arc<Value>,
}

/// How far one graph has come.
#[derive(Debug)]
pub struct Progress {
    plan: Arc<Plan>,
    states: Vec<State>,
    ready: BTreeSet<usize>,
    /// Arrows that were chosen and not yet taken, as step and arrow.
    chosen: Vec<(usize, usize)>,
    unsettled: usize,
    at_work: usize,
    failed: bool,
}

impl Progress {
    /// A graph of which nothing has run.
    pub fn new(plan: Arc<Plan>) -> Self {
        let nothing = Arc::new(Value::Null);
        let empty = Arc::new(Value::Object(serde_json::Map::new()));
        let states = (0..plan.steps.len()).map(|at| State {
            visits: 0,
            phase: Phase::Waiting,
            waits: plan.needs[at].len() + plan.principals[at].len(),
            settled: false,
            alive: false,
            output: nothing.clone(),
            last: empty.clone(),
        });
        let states: Vec<State> = states.collect();
        let unsettled = states.len();
        let mut progress =
            Self { plan, states, ready: BTreeSet::new(), chosen: Vec::new(), unsettled, at_work: 0, failed: false };
        (0..unsettled).for_each(|at| progress.wake(at));
        progress
    }

    /// The graph.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The steps that can be visited now, in order.
    pub fn ready(&self) -> impl Iterator<Item = Ready> {
        self.ready.iter().filter(|_| !self.failed).map(|&step| Ready {
            step,
            visit: self.visit(step),
            alive: self.is_alive(step),
        })
    }

    /// Which visit of `step` is under way or next, from 1.
    pub fn visit(&self, step: usize) -> u32 {
        self.states[step].visits + 1
    }

    /// The final word of `step`, or `null` while it has none.
    pub fn output(&self, step: usize) -> &Arc<Value> {
        &self.states[step].output
    }

    /// Whether the final word of `step` is an output.
    pub fn has_output(&self, step: usize) -> bool {
        self.states[step].settled && self.states[step].alive
    }

    /// The outputs, by step id, of the preceding round of the loop that `step` is in; an empty object in the first.
    pub fn last(&self, step: usize) -> &Arc<Value> {
        &self.states[step].last
    }

    /// Whether a step is at work, by what was begun and has not ended.
    pub fn is_at_work(&self) -> bool {
        self.at_work > 0
    }

    /// Whether every step has its final word, or one failed and nothing caught it.
    pub fn is_over(&self) -> bool {
        self.failed || self.unsettled == 0
    }

    /// Whether a step failed and nothing caught it.
    pub fn is_failed(&self) -> bool {
        self.failed
    }

    /// Takes note that a ready step is at work.
    ///
    /// # Panics
    /// When it is not ready: the caller runs only what it was told to.
    pub fn begin(&mut self, step: usize) {
        assert!(self.ready.remove(&step), "step `{}` begins before it is ready", self.plan.steps[step].id);
        self.states[step].phase = Phase::AtWork;
        self.at_work += 1;
    }

    /// Whether the arrow of `step` to `to` may still be taken: its target has visits left.
    pub fn may_go_back(&self, step: usize, arrow: usize) -> bool {
        let to = self.plan.arrows[step][arrow].to;
        // A step that goes back to itself has not ended this visit yet.
        self.states[to].visits + u32::from(to == step) < self.plan.steps[to].visits_max
    }

    /// Takes note of how a visit ended, with its output and the arrow back that was chosen, if one was.
    ///
    /// # Panics
    /// When the step was not at work and was not ready.
    pub fn end(&mut self, step: usize, outcome: Outcome, output: Arc<Value>, back: Option<usize>) {
        match self.states[step].phase {
            Phase::Ready => {
                self.ready.remove(&step);
            }
            Phase::AtWork => self.at_work -= 1,
            other => panic!("step `{}` ends while {other:?}", self.plan.steps[step].id),
        }
        let state = &mut self.states[step];
        state.visits += 1;
        state.phase = Phase::Ended(outcome);
        state.output = output;
        let plan = self.plan.clone();
        match outcome {
            Outcome::Failed => self.failed = true,
            // The final word is the fallback's.
            Outcome::FellBack => {}
            Outcome::CutOff => panic!("what is cut off has not ended"),
            Outcome::Done if back.is_some() => self.chosen.extend(back.map(|arrow| (step, arrow))),
            Outcome::Done => self.settle(step, true),
            Outcome::Skipped | Outcome::FailedSkipped => self.settle(step, false),
        }
        if let Some(fallback) = plan.fallback[step] {
            self.states[fallback].waits -= 1;
            self.wake(fallback);
        }
    }

    fn settle(&mut self, step: usize, alive: bool) {
        let plan = self.plan.clone();
        let mut next = vec![step];
        while let Some(at) = next.pop() {
            self.states[at].settled = true;
            self.states[at].alive = alive;
            self.unsettled -= 1;
            for &dependent in &plan.dependents[at] {
                self.states[dependent].waits -= 1;
                self.wake(dependent);
            }
            for &principal in &plan.principals[at] {
                if self.states[principal].phase == Phase::Ended(Outcome::FellBack) {
                    self.states[principal].output = self.states[at].output.clone();
                    next.push(principal);
                }
            }
        }
    }

    fn wake(&mut self, at: usize) {
        if self.states[at].waits == 0 && self.states[at].phase == Phase::Waiting {
            self.states[at].phase = Phase::Ready;
            self.ready.insert(at);
        }
    }

    /// A step runs unless all its needs were skipped, and a fallback only where its principal failed.
    fn is_alive(&self, step: usize) -> bool {
        let (needs, principals) = (&self.plan.needs[step], &self.plan.principals[step]);
        let called = principals.is_empty()
            || principals.iter().any(|&of| self.states[of].phase == Phase::Ended(Outcome::FellBack));
        called && (needs.is_empty() || needs.iter().any(|&need| self.states[need].alive))
    }

    /// The chosen arrow back that can be taken now, as step and target: the one that leads furthest back.
    pub fn way_back(&self) -> Option<(usize, usize)> {
        let quiet = |&&(step, arrow): &&(usize, usize)| {
            let quiet = &self.plan.arrows[step][arrow].quiet;
            quiet.iter().all(|&at| !matches!(self.states[at].phase, Phase::Ready | Phase::AtWork))
        };
        let ways = self.chosen.iter().filter(|_| !self.failed).filter(quiet);
        ways.map(|&(step, arrow)| (self.plan.arrows[step][arrow].to, step)).min().map(|(to, step)| (step, to))
    }

    /// Takes the chosen arrow of `step`: its target and all that depends on it wait for another visit.
    ///
    /// # Panics
    /// When no arrow of `step` was chosen.
    pub fn go_back(&mut self, step: usize) {
        let plan = self.plan.clone();
        let chosen = self.chosen.iter().find(|(from, _)| *from == step).copied();
        let (_, arrow) = chosen.expect("only a chosen arrow is taken");
        let again = &plan.arrows[step][arrow].again;
        let outputs = again.iter().filter(|&&at| matches!(self.states[at].phase, Phase::Ended(_)));
        let last = outputs.map(|&at| (plan.steps[at].id.clone(), Value::clone(&self.states[at].output))).collect();
        let last = Arc::new(Value::Object(last));
        // Arrows chosen inside the round are decided again.
        self.chosen.retain(|(from, _)| again.binary_search(from).is_err());
        let nothing = Arc::new(Value::Null);
        for &at in again {
            let state = &mut self.states[at];
            self.unsettled += usize::from(state.settled);
            *state = State {
                visits: state.visits,
                phase: Phase::Waiting,
                waits: 0,
                settled: false,
                alive: false,
                output: nothing.clone(),
                last: last.clone(),
            };
        }
        // A step outside the round whose final word came from inside waits for that word again.
        for &at in again {
            for of in plan.stood_in_for(at) {
                let state = &mut self.states[of];
                let fell_back = state.phase == Phase::Ended(Outcome::FellBack);
                if fell_back && again.binary_search(&of).is_err() && std::mem::replace(&mut state.settled, false) {
                    state.alive = false;
                    self.unsettled += 1;
                }
            }
        }
        for &at in again {
            let words = plan.needs[at].iter().filter(|&&need| !self.states[need].settled).count();
            let ends =
                plan.principals[at].iter().filter(|&&of| !matches!(self.states[of].phase, Phase::Ended(_))).count();
            self.states[at].waits = words + ends;
            self.wake(at);
        }
    }
}
