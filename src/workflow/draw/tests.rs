use super::*;
use crate::workflow::check::SOUND;
use crate::workflow::parse::parse;

#[test]
fn mermaid_has_every_step_and_arrow() {
    insta::assert_snapshot!(mermaid(&parse(SOUND, "t").unwrap()));
}

#[test]
fn the_drawing_is_sound_xml_with_every_step() {
    let workflow = parse(SOUND, "t").unwrap();
    let plain = svg(&workflow, None);
    for step in &workflow.steps {
        assert!(plain.contains(&format!("data-step=\"{}\"", step.id)), "{}", step.id);
    }
    assert!(
        plain.contains("data-step=\"one/best\"")
            && plain.contains("check.share &lt; 0.5")
            && plain.contains("on error")
    );
    // Everything that opens closes, in order.
    let mut open = Vec::new();
    for tag in plain.split('<').skip(1) {
        let name: String = tag.trim_start_matches('/').chars().take_while(|char| char.is_alphanumeric()).collect();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !tag.split('>').next().unwrap().ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    insta::assert_snapshot!(plain);
}

#[test]
fn outcomes_colour_the_steps() {
    let workflow = parse(SOUND, "t").unwrap();
    let outcomes = [("route", Outcome::Done), ("draft", Outcome::FellBack), ("one/best", Outcome::Failed)];
    let outcomes: Outcomes = outcomes.into_iter().map(|(id, outcome)| (id.to_string(), outcome)).collect();
    let drawing = svg(&workflow, Some(&outcomes));
    for (class, id) in [("done", "route"), ("mended", "draft"), ("failed", "one/best"), ("waiting", "answer")] {
        assert!(drawing.contains(&format!("wf-{class}\" data-step=\"{id}\"")), "{id}");
    }
    assert!(!drawing.contains("wf-node wf-model"));
}
