//! The steps of one graph in, who waits for whom out: everything about a graph that no run changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::workflow::failure::{Failure, FailureClass};
use crate::workflow::graph::Step;

/// An arrow back, with what taking it means.
#[derive(Debug)]
pub(super) struct Arrow {
    /// Where it leads.
    pub(super) to: usize,
    /// Steps that are visited again: `to` and all that depends on it, in order.
    pub(super) again: Vec<usize>,
    /// None of these may be at work, or about to be, when it is taken: then what a round is does not depend on who was faster.
    pub(super) quiet: Vec<usize>,
}

/// A graph made ready for running. Steps are known by their place in an order in which each comes after what it waits for.
#[derive(Debug)]
pub struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) index: HashMap<String, usize>,
    /// For each step, the steps whose final word it waits for.
    pub(super) needs: Vec<Vec<usize>>,
    /// For each step, the steps that wait for its final word.
    pub(super) dependents: Vec<Vec<usize>>,
    /// For each step, the step that stands in when it fails.
    pub(super) fallback: Vec<Option<usize>>,
    /// For each step, the steps that it stands in for; it waits for these to end.
    pub(super) principals: Vec<Vec<usize>>,
    /// For each step, its arrows back, in the order of the file.
    pub(super) arrows: Vec<Vec<Arrow>>,
    /// For each step, the earlier steps that its expressions and templates name.
    pub(super) reads: Vec<Vec<(Arc<str>, usize)>>,
    pub(super) output: usize,
}

fn wrong(message: String) -> Failure {
    Failure::new(FailureClass::Other, message)
}

impl Plan {
    /// The plan of `steps`, whose result is the output of `output` or else of the last step.
    ///
    /// # Errors
    /// When an id is used twice, a step names an unknown one, or the steps wait for each other in a circle.
    pub fn new(steps: &[Step], output: Option<&str>) -> Result<Self, Failure> {
        let last = steps.last().ok_or_else(|| wrong("the graph has no steps".into()))?;
        let output = output.unwrap_or(&last.id);
        let named: HashMap<&str, usize> = steps.iter().enumerate().map(|(at, step)| (step.id.as_str(), at)).collect();
        if named.len() < steps.len() {
            let twice = steps.iter().enumerate().find(|(at, step)| named[step.id.as_str()] != *at);
            return Err(wrong(format!("two steps are called `{}`", twice.map_or("", |(_, step)| step.id.as_str()))));
        }
        let find = |from: &str, id: &str| {
            named
                .get(id)
                .copied()
                .ok_or_else(|| wrong(format!("step `{from}` names `{id}`, which is no step of its graph")))
        };
        let fallback = steps.iter().map(|step| match step.on_error.as_str() {
            "fail" | "skip" => Ok(None),
            id => find(&step.id, id).map(Some),
        });
        let fallback = fallback.collect::<Result<Vec<_>, _>>()?;
        let mut needs: Vec<Vec<usize>> = Vec::with_capacity(steps.len());
        for step in steps {
            let own: BTreeSet<usize> = step.needs.iter().map(|id| find(&step.id, id)).collect::<Result<_, _>>()?;
            needs.push(own.into_iter().collect());
        }
        // A fallback waits for its principal's end, never for its final word, which is the fallback's own.
        for (at, fallback) in fallback.iter().enumerate() {
            if let Some(fallback) = *fallback {
                needs[fallback].retain(|&need| need != at);
            }
        }
        let order = order(steps, &needs, &fallback)?;
        let place: HashMap<usize, usize> = order.iter().enumerate().map(|(new, &old)| (old, new)).collect();
        let moved = |list: &[usize]| {
            let mut list: Vec<usize> = list.iter().map(|old| place[old]).collect();
            list.sort_unstable();
            list
        };
        let count = steps.len();
        let mut plan = Self {
            steps: order.iter().map(|&old| steps[old].clone()).collect(),
            index: steps.iter().enumerate().map(|(old, step)| (step.id.clone(), place[&old])).collect(),
            needs: order.iter().map(|&old| moved(&needs[old])).collect(),
            dependents: vec![Vec::new(); count],
            fallback: order.iter().map(|&old| fallback[old].map(|to| place[&to])).collect(),
            principals: vec![Vec::new(); count],
            arrows: Vec::new(),
            reads: Vec::new(),
            output: place[&find("output", output)?],
        };
        for at in 0..count {
            for need in plan.needs[at].clone() {
                plan.dependents[need].push(at);
            }
            if let Some(fallback) = plan.fallback[at] {
                plan.principals[fallback].push(at);
            }
        }
        plan.arrows = plan.find_arrows()?;
        plan.reads = plan.find_reads();
        Ok(plan)
    }

    /// The steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The place of the step called `id`.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// The step whose output is the graph's.
    pub fn output(&self) -> usize {
        self.output
    }

    /// The earlier steps that step `at` names, with their places.
    pub fn reads(&self, at: usize) -> &[(Arc<str>, usize)] {
        &self.reads[at]
    }

    /// `from` and every step that waits for it, directly or not, in order.
    pub fn with_dependents(&self, from: usize) -> Vec<usize> {
        let mut marked = vec![false; self.steps.len()];
        marked[from] = true;
        let mut next = vec![from];
        while let Some(at) = next.pop() {
            // Who waits for a step that has a fallback waits for the fallback too.
            let own = self.dependents[at].iter().copied().chain(self.fallback[at]);
            let others = self.stood_in_for(at).into_iter().flat_map(|of| self.dependents[of].iter().copied());
            for after in own.chain(others) {
                if !std::mem::replace(&mut marked[after], true) {
                    next.push(after);
                }
            }
        }
        (0..marked.len()).filter(|&at| marked[at]).collect()
    }

    /// The steps whose final word may be that of `step`: those that it stands in for, those that these stand in for, and so on.
    pub(super) fn stood_in_for(&self, step: usize) -> Vec<usize> {
        let mut found = self.principals[step].clone();
        let mut seen = 0;
        while seen < found.len() {
            // Chains of fallbacks have no circle: every step comes before its fallback.
            found.extend_from_slice(&self.principals[found[seen]]);
            seen += 1;
        }
        found
    }

    fn with_ancestors(&self, from: usize, marked: &mut [bool]) {
        let mut next = vec![from];
        marked[from] = true;
        while let Some(at) = next.pop() {
            let chain = self.needs[at].iter().flat_map(|&need| std::iter::once(need).chain(self.stand_ins(need)));
            for before in chain.chain(self.principals[at].iter().copied()) {
                if before != at && !std::mem::replace(&mut marked[before], true) {
                    next.push(before);
                }
            }
        }
    }

    /// The fallback of a step, the fallback of that, and so on.
    fn stand_ins(&self, of: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.fallback[of], |&at| self.fallback[at])
    }

    fn find_arrows(&self) -> Result<Vec<Vec<Arrow>>, Failure> {
        let mut arrows: Vec<Vec<Arrow>> = Vec::with_capacity(self.steps.len());
        for (at, step) in self.steps.iter().enumerate() {
            let mut own = Vec::with_capacity(step.goto.len());
            for goto in &step.goto {
                let to = self.find(&goto.step).ok_or_else(|| {
                    wrong(format!("step `{}` goes back to `{}`, which is no step of its graph", step.id, goto.step))
                })?;
                let again = self.with_dependents(to);
                if again.binary_search(&at).is_err() {
                    return Err(wrong(format!(
                        "step `{}` cannot go back to `{}`: it does not come after it",
                        step.id, goto.step
                    )));
                }
                own.push(Arrow { to, again, quiet: Vec::new() });
            }
            arrows.push(own);
        }
        // A round begins only when nothing that could begin it anew, or belongs to it, is still at work.
        let sources: Vec<(usize, usize)> =
            arrows.iter().enumerate().flat_map(|(at, own)| (0..own.len()).map(move |arrow| (at, arrow))).collect();
        for &(at, arrow) in &sources {
            let mut marked = vec![false; self.steps.len()];
            for &step in &arrows[at][arrow].again {
                marked[step] = true;
            }
            let to = arrows[at][arrow].to;
            for &(other, its) in &sources {
                if arrows[other][its].again.binary_search(&to).is_ok() {
                    self.with_ancestors(other, &mut marked);
                }
            }
            arrows[at][arrow].quiet = (0..marked.len()).filter(|&step| marked[step]).collect();
        }
        Ok(arrows)
    }

    fn find_reads(&self) -> Vec<Vec<(Arc<str>, usize)>> {
        let names: Vec<Arc<str>> = self.steps.iter().map(|step| Arc::from(step.id.as_str())).collect();
        self.steps
            .iter()
            .enumerate()
            .map(|(at, step)| {
                let mut before = vec![false; self.steps.len()];
                self.with_ancestors(at, &mut before);
                before[at] = false;
                let settings = serde_json::to_string(step).expect("a step is plain data");
                let words: BTreeSet<&str> =
                    settings.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
                let named = words.into_iter().filter_map(|word| self.find(word)).filter(|&other| before[other]);
                named.map(|other| (names[other].clone(), other)).collect()
            })
            .collect()
    }
}

/// An order in which every step comes after all it waits for; the order of the file breaks ties.
fn order(steps: &[Step], needs: &[Vec<usize>], fallback: &[Option<usize>]) -> Result<Vec<usize>, Failure> {
    let count = steps.len();
    let mut after: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); count];
    for at in 0..count {
        if let Some(fallback) = fallback[at] {
            after[at].insert(fallback);
        }
        for &need in &needs[at] {
            after[need].insert(at);
            // Chains of fallbacks end in a step without one, or are a circle, which is found below.
            for stand_in in std::iter::successors(fallback[need], |&next| fallback[next]).take(count) {
                after[stand_in].insert(at);
            }
        }
    }
    let mut waits = vec![0; count];
    after.iter().flatten().for_each(|&to| waits[to] += 1);
    let mut ready: BTreeSet<usize> = (0..count).filter(|&at| waits[at] == 0).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(at) = ready.pop_first() {
        order.push(at);
        for &to in &after[at] {
            waits[to] -= 1;
            if waits[to] == 0 {
                ready.insert(to);
            }
        }
    }
    if order.len() < count {
        let stuck: Vec<&str> = (0..count).filter(|&at| waits[at] > 0).map(|at| steps[at].id.as_str()).collect();
        return Err(wrong(format!("these steps wait for each other in a circle: {}", stuck.join(", "))));
    }
    Ok(order)
}
