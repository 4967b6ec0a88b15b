//! Small graphs with what must happen in them, and random ones that must always end.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::random::Random;
use crate::workflow::graph::Workflow;

/// The plan of a graph written as one step a line: `id: need need; key = value`.
fn plan(lines: &str) -> Result<Arc<Plan>, String> {
    let mut text = String::from("name = \"t\"\n");
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (id, rest) = line.split_once(':').unwrap();
        let (needs, settings) = rest.split_once(';').unwrap_or((rest, ""));
        let needs: Vec<String> = needs.split_whitespace().map(|need| format!("\"{need}\"")).collect();
        text += &format!("[[step]]\nid = \"{id}\"\nkind = \"format\"\nvalue = \"1\"\nneeds = [{}]\n", needs.join(", "));
        settings.split(';').for_each(|setting| text += &format!("{}\n", setting.trim()));
    }
    let workflow: Workflow = toml::from_str(&text).map_err(|error| error.to_string())?;
    Plan::new(&workflow.steps, None).map(Arc::new).map_err(|failure| failure.message)
}

/// Runs a graph one ready step at a time; `ends` says how visits end (`d`one, `s`kipped, `f`ailed, and `b` for done with the
/// first arrow back), in order for each step, `d` where it says nothing. Gives the visits in order.
fn story(lines: &str, ends: &str) -> String {
    let plan = plan(lines).unwrap();
    let mut ends: HashMap<&str, std::vec::IntoIter<char>> = ends
        .split_whitespace()
        .map(|one| one.split_once('=').unwrap())
        .map(|(id, ends)| (id, ends.chars().collect::<Vec<_>>().into_iter()))
        .collect();
    let mut progress = Progress::new(plan.clone());
    let mut told = Vec::new();
    loop {
        if let Some((step, to)) = progress.way_back() {
            told.push(format!("{}->{}", plan.steps[step].id, plan.steps[to].id));
            progress.go_back(step);
        }
        let Some(ready) = progress.ready().next() else { break };
        let step = &plan.steps[ready.step];
        let end = ends.get_mut(step.id.as_str()).and_then(Iterator::next).unwrap_or('d');
        let outcome = match (ready.alive, end) {
            (false, _) | (_, 's') => Outcome::Skipped,
            (_, 'f') => match step.on_error.as_str() {
                "fail" => Outcome::Failed,
                "skip" => Outcome::FailedSkipped,
                _ => Outcome::FellBack,
            },
            _ => Outcome::Done,
        };
        let back = (outcome == Outcome::Done && end == 'b' && progress.may_go_back(ready.step, 0)).then_some(0);
        progress.begin(ready.step);
        let output = if outcome == Outcome::Done { json!(format!("{}{}", step.id, ready.visit)) } else { Value::Null };
        progress.end(ready.step, outcome, Arc::new(output), back);
        let sign = match outcome {
            Outcome::Done => "",
            Outcome::Skipped => "-",
            Outcome::FailedSkipped => "!",
            Outcome::FellBack => "?",
            Outcome::Failed => "X",
            Outcome::CutOff => "C",
        };
        told.push(format!("{}{}{sign}", step.id, ready.visit));
    }
    assert!(progress.is_over(), "stuck after {told:?}");
    let word = if progress.is_failed() { "failed" } else { progress.output(plan.output).as_str().unwrap_or("null") };
    format!("{} = {word}", told.join(" "))
}

#[test]
fn small_graphs_go_as_the_language_says() {
    let diamond = "a:\nb: a\nc: a\nd: b c";
    let caught = "a:; on_error = 'f'\nb: a\nf:\nz: b f";
    let chain = "a:; on_error = 'f'\nf:; on_error = 'g'\ng:; on_error = 'skip'\nz: a";
    let round = "a:; visits_max = 3\nb: a; goto = [{ step = 'a', when = 'true' }]\nc: b";
    for (graph, ends, expected) in [
        (diamond, "", "a1 b1 c1 d1 = d1"),
        (diamond, "b=s", "a1 b1- c1 d1 = d1"),
        (diamond, "b=s c=s", "a1 b1- c1- d1- = null"),
        (diamond, "a=s", "a1- b1- c1- d1- = null"),
        (diamond, "c=f", "a1 b1 c1X = failed"),
        ("a:; on_error = 'skip'\nb:\nc: a b\nd: a", "a=f", "a1! b1 c1 d1- = null"),
        (caught, "", "a1 f1- b1 z1 = z1"),
        (caught, "a=f", "a1? f1 b1 z1 = z1"),
        (caught, "a=f f=f", "a1? f1X = failed"),
        (chain, "a=f", "a1? f1 g1- z1 = z1"),
        (chain, "a=f f=f", "a1? f1? g1 z1 = z1"),
        (chain, "a=f f=f g=f", "a1? f1? g1! z1- = null"),
        ("a:; on_error = 'f'\nf:", "a=f", "a1? f1 = f1"),
        (round, "b=bd", "a1 b1 b->a a2 b2 c1 = c1"),
        (round, "b=bbbbb", "a1 b1 b->a a2 b2 b->a a3 b3 c1 = c1"),
        ("a:; visits_max = 2; goto = [{ step = 'a', when = 'true' }]", "a=bb", "a1 a->a a2 = a2"),
        // The round of b waits for c, which belongs to it.
        (
            "a:; visits_max = 2\nb: a; goto = [{ step = 'a', when = 'true' }]\nc: a\nd: b c",
            "b=b",
            "a1 b1 c1 b->a a2 b2 c2 d1 = d1",
        ),
        // Both want to go back: once is enough, and both are asked again.
        (
            "a:; visits_max = 9\nb: a; goto = [{ step = 'a', when = 'true' }]\nc: a; goto = [{ step = 'a', when = 'true' }]",
            "b=b c=b",
            "a1 b1 c1 b->a a2 b2 c2 = c2",
        ),
        // What stood in for a step outside the round is visited again, and its word with it.
        (
            "a:; on_error = 'f'\nb:; visits_max = 2; on_error = 'f'\nf:\nc: b; goto = [{ step = 'b', when = 'true' }]\nz: a c",
            "a=f c=b",
            "a1? b1 f1 c1 c->b b2 f2 c2 z1 = z1",
        ),
        // The outer loop begins the inner one anew.
        (
            "a:; visits_max = 2\nb: a; visits_max = 9\nc: b; goto = [{ step = 'b', when = 'true' }]\nd: c; goto = [{ step = 'a', when = 'true' }]",
            "c=bdb d=b",
            "a1 b1 c1 c->b b2 c2 d1 d->a a2 b3 c3 c->b b4 c4 d2 = d2",
        ),
    ] {
        assert_eq!(story(graph, ends), expected, "{graph}\nwith {ends}");
    }
}

#[test]
fn a_graph_that_could_not_end_is_refused() {
    for (graph, words) in [
        ("a: b\nb: a", "circle: a, b"),
        ("a: a", "circle: a"),
        ("a: x", "names `x`"),
        ("a:\na:", "two steps are called `a`"),
        ("a:; on_error = 'a'", "circle"),
        ("a:; on_error = 'f'\nb: a\nf: b", "circle"),
        ("a:\nb:; goto = [{ step = 'a', when = 'true' }]", "does not come after"),
        ("a:; goto = [{ step = 'x', when = 'true' }]", "goes back to `x`"),
    ] {
        let message = plan(graph).unwrap_err();
        assert!(message.contains(words), "{graph}: {message}");
    }
}

#[test]
fn a_round_sees_the_outputs_of_the_one_before() {
    let plan = plan("a:; visits_max = 2\nb: a; goto = [{ step = 'a', when = 'true' }]").unwrap();
    let mut progress = Progress::new(plan);
    assert_eq!(**progress.last(0), json!({}));
    progress.end(0, Outcome::Done, Arc::new(json!(1)), None);
    progress.end(1, Outcome::Done, Arc::new(json!(2)), Some(0));
    progress.go_back(1);
    assert_eq!(**progress.last(0), json!({ "a": 1, "b": 2 }));
    assert_eq!(**progress.output(0), Value::Null, "a new round starts without outputs");
}

#[test]
fn a_step_reads_only_what_it_names() {
    let plan = plan("a:\nb:\nc: a b; when = 'a.ok && later'\nlater: c").unwrap();
    let names: Vec<&str> = plan.reads(plan.find("c").unwrap()).iter().map(|(name, _)| &**name).collect();
    // Its needs are named in its settings too; what comes later is not there to be read.
    assert_eq!(names, ["a", "b"]);
    assert!(plan.reads(plan.find("a").unwrap()).is_empty());
}

/// A random graph: later steps need earlier ones, some fall back to a later step without needs, some go back.
fn random_graph(random: &mut Random, count: usize) -> String {
    let fallbacks = random.below(3).min(count - 1);
    let main = count - fallbacks;
    let mut text = String::new();
    for at in 0..main {
        let needs: Vec<String> = (0..at).filter(|_| random.below(3) == 0).map(|need| format!("s{need}")).collect();
        text += &format!("s{at}: {}; visits_max = {}", needs.join(" "), 1 + random.below(3));
        match random.below(4) {
            0 => text += "; on_error = 'skip'",
            1 if fallbacks > 0 => text += &format!("; on_error = 's{}'", main + random.below(fallbacks)),
            _ => {}
        }
        if let Some(need) = needs.first()
            && random.below(3) == 0
        {
            text += &format!("; goto = [{{ step = '{need}', when = 'true' }}]");
        }
        text += "\n";
    }
    (main..count).for_each(|at| text += &format!("s{at}:; on_error = 'skip'\n"));
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_random_graph_ends_and_every_step_ends_once_a_visit(seed in any::<u64>(), count in 1usize..14, at_once in 1usize..5) {
        let mut random = Random::new(seed);
        let text = random_graph(&mut random, count);
        // Fallbacks of two steps of which one needs the other make a circle, which is refused.
        let Ok(plan) = plan(&text) else { return Ok(()) };
        let mut progress = Progress::new(plan.clone());
        let mut at_work: Vec<Ready> = Vec::new();
        let mut visits: BTreeMap<usize, u32> = BTreeMap::new();
        let mut turns = 0;
        while !progress.is_over() {
            turns += 1;
            prop_assert!(turns < 100_000, "no end: {text}");
            if let Some((step, _)) = progress.way_back() {
                progress.go_back(step);
            }
            let room = at_once - at_work.len();
            let begun: Vec<Ready> = progress.ready().take(room).collect();
            for ready in begun {
                for &need in &plan.needs[ready.step] {
                    prop_assert!(progress.states[need].settled, "{} begins before its need: {text}", ready.step);
                }
                progress.begin(ready.step);
                at_work.push(ready);
            }
            prop_assert!(!at_work.is_empty() || progress.is_over() || progress.way_back().is_some(), "stuck: {text}");
            if at_work.is_empty() { continue; }
            let ready = at_work.swap_remove(random.below(at_work.len()));
            let step = &plan.steps[ready.step];
            let outcome = match (ready.alive, random.below(8)) {
                (false, _) | (_, 0) => Outcome::Skipped,
                (_, 1) if step.on_error == "skip" => Outcome::FailedSkipped,
                (_, 1 | 2) if step.on_error != "skip" && step.on_error != "fail" => Outcome::FellBack,
                _ => Outcome::Done,
            };
            let goes = outcome == Outcome::Done && !step.goto.is_empty() && random.below(2) == 0;
            let back = (goes && progress.may_go_back(ready.step, 0)).then_some(0);
            let seen = visits.entry(ready.step).or_default();
            *seen += 1;
            prop_assert_eq!(*seen, ready.visit, "visits are counted one by one");
            progress.end(ready.step, outcome, Arc::new(json!(ready.step)), back);
        }
        prop_assert!(at_work.is_empty());
        prop_assert_eq!(visits.len(), plan.steps.len(), "every step is settled");
        for (at, step) in plan.steps.iter().enumerate() {
            let is_target = plan.arrows.iter().flatten().any(|arrow| arrow.to == at);
            let in_loop = plan.arrows.iter().flatten().any(|arrow| arrow.again.contains(&at));
            prop_assert!(in_loop || visits[&at] == 1);
            prop_assert!(!is_target || visits[&at] >= 1 && (visits[&at] <= step.visits_max || in_loop));
        }
    }
}
