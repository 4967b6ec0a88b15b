//! The events of a run in, where it stands out: its own graph and the graphs that `each` and `workflow` steps have begun.
//!
//! This is the whole state of a run, and `apply` is the only thing that changes it, at work as well as when a record is read back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::event::{Event, Outcome, Place};
use super::expression::Scope;
use super::failure::{Failure, FailureClass};
use super::graph::{Graph, InputField, Step, Workflow};
use super::schedule::{Plan, Progress};
use super::steps::Kind;
use super::steps::each::OnItemError;

/// A workflow made ready for running; runs share it.
#[derive(Debug)]
pub struct Prepared {
    /// The workflow, files of sub-graphs taken in.
    pub workflow: Workflow,
    /// The text that is recorded.
    pub text: String,
    plan: Arc<Plan>,
    graphs: HashMap<String, Arc<Plan>>,
}

/// Graphs inside graphs at most: more is a graph that runs itself.
const DEPTH_MAX: usize = 16;

fn wrong(message: String) -> Failure {
    Failure::new(FailureClass::Other, message)
}

impl Prepared {
    /// Plans every graph of a workflow.
    ///
    /// # Errors
    /// As [`Plan::new`], and when a step names a graph that is not there.
    pub fn new(workflow: Workflow, text: String) -> Result<Self, Failure> {
        let plan = Plan::new(&workflow.steps, workflow.output.as_deref())?;
        let mut graphs = HashMap::new();
        for (name, Graph { steps, output, .. }) in &workflow.graphs {
            let plan = Plan::new(steps, output.as_deref())
                .map_err(|failure| wrong(format!("graph `{name}`: {}", failure.message)))?;
            graphs.insert(name.clone(), Arc::new(plan));
        }
        let all = workflow.steps.iter().chain(workflow.graphs.values().flat_map(|graph| &graph.steps));
        for step in all {
            let named = graph_of(step);
            if let Some(name) = named.filter(|name| !workflow.graphs.contains_key(*name)) {
                return Err(wrong(format!("step `{}` runs the graph `{name}`, which is not in this file", step.id)));
            }
        }
        Ok(Self { workflow, text, plan: Arc::new(plan), graphs })
    }

    /// The plan of the workflow's own graph.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// What the graph that `step` runs says about its input.
    pub fn graph_input(&self, step: &Step) -> Option<&BTreeMap<String, InputField>> {
        graph_of(step).and_then(|name| self.workflow.graphs.get(name)).map(|graph| &graph.input)
    }
}

/// The graph that a step runs.
fn graph_of(step: &Step) -> Option<&str> {
    match &step.kind {
        Kind::Each(each) => Some(&each.graph),
        Kind::Workflow(sub) => sub.graph.as_deref(),
        _ => None,
    }
}

/// One graph at work; the first is the run's own.
#[derive(Debug)]
pub struct Frame {
    /// As in [`Place::frame`].
    pub path: String,
    /// How far it is.
    pub progress: Progress,
    /// What it was given.
    pub input: Arc<Value>,
    /// The frame and step that opened it, and which of that step's items it is.
    pub parent: Option<(usize, usize, usize)>,
    depth: usize,
}

/// A step that runs graphs.
#[derive(Debug)]
pub struct Opening {
    /// Where.
    pub place: Place,
    /// When, microseconds since the run began.
    pub start_us: u64,
    plan: Arc<Plan>,
    inputs: Vec<Arc<Value>>,
    next: usize,
    at_work: usize,
    parallel: usize,
    on_item_error: OnItemError,
    /// Whether it is a `workflow` step, whose output is the graph's.
    is_one: bool,
    results: Vec<Option<Result<Arc<Value>, Failure>>>,
}

/// A step that waits for a person.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Where.
    pub place: Place,
    /// What the person is asked.
    pub prompt: String,
    /// What the person is shown.
    pub shown: Value,
    /// When the decision is made without one, RFC 3339.
    pub deadline: Option<String>,
}

/// Where a run stands.
#[derive(Debug)]
pub struct Frames {
    prepared: Arc<Prepared>,
    all: Vec<Frame>,
    by_path: HashMap<String, usize>,
    open: BTreeSet<usize>,
    openings: BTreeMap<(usize, usize), Opening>,
    waiting: BTreeMap<(usize, usize), Waiting>,
    failure: Option<(Place, Failure)>,
}

/// The run's own frame.
pub const ROOT: usize = 0;

impl Frames {
    /// A run of which nothing has happened.
    pub fn new(prepared: Arc<Prepared>, input: Value) -> Self {
        let progress = Progress::new(prepared.plan.clone());
        let root = Frame { path: String::new(), progress, input: Arc::new(input), parent: None, depth: 0 };
        Self {
            prepared,
            all: vec![root],
            by_path: HashMap::from([(String::new(), ROOT)]),
            open: BTreeSet::from([ROOT]),
            openings: BTreeMap::new(),
            waiting: BTreeMap::new(),
            failure: None,
        }
    }

    /// The workflow.
    pub fn prepared(&self) -> &Arc<Prepared> {
        &self.prepared
    }

    /// A frame.
    pub fn frame(&self, frame: usize) -> &Frame {
        &self.all[frame]
    }

    /// A frame, for taking note of what is at work.
    pub fn progress_mut(&mut self, frame: usize) -> &mut Progress {
        &mut self.all[frame].progress
    }

    /// A step of a frame.
    pub fn step(&self, frame: usize, step: usize) -> &Step {
        &self.all[frame].progress.plan().steps()[step]
    }

    /// The frames in which something can still happen, in the order in which they began.
    pub fn open(&self) -> impl Iterator<Item = usize> {
        self.open.iter().copied()
    }

    /// Whether something can still happen in a frame.
    pub fn is_open(&self, frame: usize) -> bool {
        self.open.contains(&frame)
    }

    /// Whether the run's own graph is over.
    pub fn is_over(&self) -> bool {
        self.all[ROOT].progress.is_over()
    }

    /// The failure that ended the run's own graph.
    pub fn failure(&self) -> Option<&(Place, Failure)> {
        self.failure.as_ref()
    }

    /// The steps that wait for a person, in order.
    pub fn waiting(&self) -> impl Iterator<Item = (usize, usize, &Waiting)> {
        self.waiting.iter().map(|(&(frame, step), waiting)| (frame, step, waiting))
    }

    /// The place of a visit that is under way or next.
    pub fn place(&self, frame: usize, step: usize) -> Place {
        let Frame { path, progress, .. } = &self.all[frame];
        Place { frame: path.clone(), step: self.step(frame, step).id.clone(), visit: progress.visit(step) }
    }

    /// Frame and step of a place.
    pub fn find(&self, place: &Place) -> Option<(usize, usize)> {
        let frame = *self.by_path.get(&place.frame)?;
        Some((frame, self.all[frame].progress.plan().find(&place.step)?))
    }

    /// What a step can see: the input, the outputs of earlier steps that it names, the visit and the last round.
    pub fn scope(&self, frame: usize, step: usize) -> Scope {
        let Frame { progress, input, .. } = &self.all[frame];
        let own = [
            ("input".to_string(), input.clone()),
            ("visit".to_string(), Arc::new(Value::from(progress.visit(step)))),
            ("last".to_string(), progress.last(step).clone()),
        ];
        let reads = progress.plan().reads(step).iter();
        let outputs = reads.map(|(name, at)| (name.to_string(), progress.output(*at).clone()));
        own.into_iter().chain(outputs).collect()
    }

    /// Whether another graph may be opened below a frame.
    ///
    /// # Errors
    /// When graphs lie in each other too deep.
    pub fn check_depth(&self, frame: usize) -> Result<(), Failure> {
        match self.all[frame].depth < DEPTH_MAX {
            true => Ok(()),
            false => Err(wrong(format!(
                "graphs lie in each other more than {DEPTH_MAX} deep; a graph must not run itself without end"
            ))),
        }
    }

    /// The steps that run graphs and have what they waited for, with their output.
    pub fn finished(&self) -> Vec<(usize, usize, Result<Value, Failure>)> {
        let over = |opening: &Opening| -> Option<Result<Value, Failure>> {
            let mut failures = opening.results.iter().flatten().filter_map(|result| result.as_ref().err());
            if opening.on_item_error == OnItemError::Fail
                && let Some(failure) = failures.next()
            {
                return Some(Err(failure.clone()));
            }
            opening.results.iter().all(Option::is_some).then(|| Ok(opening.output()))
        };
        let open = self.openings.iter().filter(|((frame, _), _)| self.is_open(*frame));
        open.filter_map(|(&(frame, step), opening)| over(opening).map(|result| (frame, step, result))).collect()
    }

    /// A step that runs graphs.
    pub fn opening(&self, frame: usize, step: usize) -> Option<&Opening> {
        self.openings.get(&(frame, step))
    }

    /// The outputs of the run's own steps so far, by step id.
    pub fn outputs(&self) -> Value {
        let progress = &self.all[ROOT].progress;
        let steps = progress.plan().steps().iter().enumerate().filter(|(at, _)| progress.has_output(*at));
        Value::Object(steps.map(|(at, step)| (step.id.clone(), Value::clone(progress.output(at)))).collect())
    }

    /// Takes note of what happened. Events of frames that are over change nothing.
    ///
    /// # Errors
    /// When the event names a step or frame that is not there: the record belongs to another workflow.
    pub fn apply(&mut self, event: &Event) -> Result<(), Failure> {
        let (Event::StepEnded { place, .. }
        | Event::WentBack { place, .. }
        | Event::Opened { place, .. }
        | Event::Paused { place, .. }) = event
        else {
            return Ok(());
        };
        let Some((frame, step)) = self.find(place) else {
            return Err(wrong(format!(
                "the record names step `{}` in `{}`, which is not in its workflow",
                place.step, place.frame
            )));
        };
        if !self.is_open(frame) {
            return Ok(());
        }
        match event {
            // It is visited again.
            Event::StepEnded { outcome: Outcome::CutOff, .. } => {}
            Event::StepEnded { outcome, output, back_to, failures, .. } => {
                self.close_below(frame, step);
                self.waiting.remove(&(frame, step));
                let progress = &mut self.all[frame].progress;
                let arrows = &progress.plan().steps()[step].goto;
                let back = back_to.as_ref().and_then(|to| arrows.iter().position(|arrow| arrow.step == *to));
                progress.end(step, *outcome, Arc::new(output.clone()), back);
                if *outcome == Outcome::Failed {
                    let failure = failures.last().cloned().unwrap_or_else(|| wrong("it failed".into()));
                    self.end_frame(frame, Err((place.clone(), failure)));
                } else if self.all[frame].progress.is_over() {
                    let progress = &self.all[frame].progress;
                    let output = progress.output(progress.plan().output()).clone();
                    self.end_frame(frame, Ok(output));
                }
            }
            Event::WentBack { .. } => self.all[frame].progress.go_back(step),
            Event::Opened { inputs, start_us, .. } => self.open_below(frame, step, place, inputs, *start_us),
            Event::Paused { prompt, shown, deadline, .. } => {
                self.all[frame].progress.begin(step);
                let waiting = Waiting {
                    place: place.clone(),
                    prompt: prompt.clone(),
                    shown: shown.clone(),
                    deadline: deadline.clone(),
                };
                self.waiting.insert((frame, step), waiting);
            }
            _ => {}
        }
        Ok(())
    }

    fn open_below(&mut self, frame: usize, step: usize, place: &Place, inputs: &[Value], start_us: u64) {
        self.all[frame].progress.begin(step);
        let settings = self.step(frame, step);
        let (parallel, on_item_error, is_one) = match &settings.kind {
            Kind::Each(each) => (each.parallel.max(1), each.on_item_error, false),
            _ => (1, OnItemError::Fail, true),
        };
        let plan = graph_of(settings).and_then(|name| self.prepared.graphs.get(name));
        let plan = plan.expect("every named graph was planned").clone();
        let opening = Opening {
            place: place.clone(),
            start_us,
            plan,
            inputs: inputs.iter().cloned().map(Arc::new).collect(),
            next: 0,
            at_work: 0,
            parallel,
            on_item_error,
            is_one,
            results: vec![None; inputs.len()],
        };
        self.openings.insert((frame, step), opening);
        self.begin_items(frame, step);
    }

    fn begin_items(&mut self, frame: usize, step: usize) {
        let (base, depth) = (self.all[frame].path.clone(), self.all[frame].depth + 1);
        let Some(opening) = self.openings.get_mut(&(frame, step)) else { return };
        while opening.at_work < opening.parallel && opening.next < opening.inputs.len() {
            let item = opening.next;
            let Place { step: id, visit, .. } = &opening.place;
            let slash = if base.is_empty() { "" } else { "/" };
            let path = format!("{base}{slash}{id}.{visit}[{item}]");
            let new = Frame {
                path: path.clone(),
                progress: Progress::new(opening.plan.clone()),
                input: opening.inputs[item].clone(),
                parent: Some((frame, step, item)),
                depth,
            };
            opening.next += 1;
            opening.at_work += 1;
            self.by_path.insert(path, self.all.len());
            self.open.insert(self.all.len());
            self.all.push(new);
        }
    }

    fn end_frame(&mut self, frame: usize, result: Result<Arc<Value>, (Place, Failure)>) {
        self.close(frame);
        let Some((parent, step, item)) = self.all[frame].parent else {
            self.failure = result.err();
            return;
        };
        if let Some(opening) = self.openings.get_mut(&(parent, step)) {
            opening.at_work -= 1;
            opening.results[item] = Some(result.map_err(|(place, failure)| Failure {
                message: format!("step `{}` of {}: {}", place.step, place.frame, failure.message),
                ..failure
            }));
            self.begin_items(parent, step);
        }
    }

    /// Nothing more happens in a frame or in those below it.
    fn close(&mut self, frame: usize) {
        self.open.remove(&frame);
        self.waiting.retain(|(of, _), _| *of != frame);
        let steps: Vec<usize> = self.openings.range((frame, 0)..(frame + 1, 0)).map(|((_, step), _)| *step).collect();
        for step in steps {
            self.close_below(frame, step);
        }
    }

    fn close_below(&mut self, frame: usize, step: usize) {
        if self.openings.remove(&(frame, step)).is_none() {
            return;
        }
        let below: Vec<usize> = self
            .open
            .iter()
            .copied()
            .filter(|&at| self.all[at].parent.is_some_and(|(of, by, _)| (of, by) == (frame, step)))
            .collect();
        below.into_iter().for_each(|at| self.close(at));
    }
}

impl Opening {
    fn output(&self) -> Value {
        let output = |result: &Option<Result<Arc<Value>, Failure>>| match result {
            Some(Ok(value)) => Value::clone(value),
            _ => Value::Null,
        };
        if self.is_one {
            return self.results.first().map(output).unwrap_or_default();
        }
        let failures = self.results.iter().enumerate().filter_map(|(index, result)| match result {
            Some(Err(failure)) => Some(serde_json::json!({ "index": index, "message": failure.message })),
            _ => None,
        });
        let failures: Vec<Value> = failures.collect();
        let items: Vec<Value> = self.results.iter().map(output).collect();
        Value::Object(Map::from_iter([("items".into(), items.into()), ("failures".into(), failures.into())]))
    }
}
