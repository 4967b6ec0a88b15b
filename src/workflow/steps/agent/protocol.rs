//! The text protocol of agents whose model knows no tool calls: what it is told, and its reply to a thought and a wish.
//!
//! ```text
//! reply     = [ thought ] ( action | answer )
//! thought   = "Thought:" text
//! action    = "Action:" tool name, newline, "Arguments:" JSON object
//! answer    = "Answer:" text to the end
//! ```
//!
//! Small models rarely keep to it to the letter. The reader also takes `Action Input:`, `Final Answer:`, keys in bold or in other
//! case, code fences, `tool({...})`, and a JSON object with `tool` and `arguments`. What comes after an invented observation is cut
//! off. What is neither wish is nonsense, with a reason that the model can be shown.

use serde_json::Value;

use super::super::asking::json_in;

/// What a model wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish {
    /// A tool called with these arguments: a JSON object, or a text where none was found.
    Call { tool: String, arguments: Value },
    /// Nothing more: this is the answer.
    Answer(String),
    /// It is not clear; the reason is for the model.
    Nonsense(String),
}

/// A model's reply.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    pub(super) thought: String,
    pub(super) wish: Wish,
}

/// What ends a reply while it is written; what follows would be invented.
pub(super) const STOPS: [&str; 2] = ["\nObservation:", "<observation"];

/// The rules of the protocol, with the tools as `name: description. Arguments: schema` lines.
pub(super) fn rules(tools: &str) -> String {
    format!(
        "You reach a goal in rounds, with tools. In each round write one of these two forms and nothing else.\n\n\
         To call a tool:\n\
         Thought: why\n\
         Action: the name of one tool\n\
         Arguments: its arguments as one JSON object\n\n\
         When you know the answer:\n\
         Thought: why\n\
         Answer: the answer\n\n\
         The tools:\n{tools}"
    )
}

/// Said once after nonsense.
pub(super) fn repair(reason: &str) -> String {
    format!(
        "That reply cannot be used: {reason}. Write `Action:` with `Arguments:` to call a tool, or `Answer:` with the answer."
    )
}

#[derive(Clone, Copy, PartialEq)]
enum Key {
    Thought,
    Action,
    Arguments,
    Answer,
}

const KEYS: [(&str, Key); 10] = [
    ("thought", Key::Thought),
    ("action input", Key::Arguments),
    ("action_input", Key::Arguments),
    ("arguments", Key::Arguments),
    ("args", Key::Arguments),
    ("input", Key::Arguments),
    ("action", Key::Action),
    ("tool", Key::Action),
    ("final answer", Key::Answer),
    ("answer", Key::Answer),
];

/// The key that a line begins with, and the rest of the line.
fn key(line: &str) -> Option<(Key, &str)> {
    let bare = line.trim_start_matches(['*', '#', '_', '>', '-', '`', ' ', '\t']);
    KEYS.iter().find_map(|(word, key)| {
        let head = bare.get(..word.len())?;
        let rest = bare[word.len()..].trim_start_matches(['*', '_', ' ']);
        let rest = rest.strip_prefix(':').filter(|_| head.eq_ignore_ascii_case(word))?;
        Some((*key, rest.trim_start_matches(['*', '_'])))
    })
}

/// Reads a reply.
pub(super) fn read(reply: &str) -> Reply {
    let end = STOPS.iter().filter_map(|stop| reply.find(stop)).min().unwrap_or(reply.len());
    let reply = reply[..end].trim();
    let mut parts: Vec<(Key, String)> = Vec::new();
    let mut before = String::new();
    for line in reply.lines() {
        // An answer goes to the end, whatever its lines begin with.
        let answers = parts.last().is_some_and(|(key, _)| *key == Key::Answer);
        match (key(line).filter(|_| !answers), parts.last_mut()) {
            (Some((key, rest)), _) => parts.push((key, rest.trim_end().to_string())),
            (None, Some((_, text))) => push_line(text, line),
            (None, None) => push_line(&mut before, line),
        }
    }
    let first = |wanted: Key| parts.iter().position(|(key, _)| *key == wanted);
    let thought: Vec<&str> = std::iter::once(before.as_str())
        .chain(parts.iter().filter(|(key, _)| *key == Key::Thought).map(|(_, text)| text.as_str()))
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .collect();
    let wish = match (first(Key::Action), first(Key::Answer)) {
        (Some(action), answer) if answer.is_none_or(|answer| action < answer) => {
            let arguments =
                parts[action..].iter().find(|(key, _)| *key == Key::Arguments).map(|(_, text)| text.as_str());
            call(&parts[action].1, arguments)
        }
        (_, Some(answer)) => match parts[answer].1.trim() {
            "" => Wish::Nonsense("the answer is empty".into()),
            answer => Wish::Answer(answer.to_string()),
        },
        (_, None) => without_keys(reply),
    };
    let thought =
        if parts.is_empty() && !matches!(wish, Wish::Nonsense(_)) { String::new() } else { thought.join("\n") };
    Reply { thought, wish }
}

fn push_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

/// `name`, or `name({...})` and `name {...}` with the arguments in the same line.
fn call(action: &str, arguments: Option<&str>) -> Wish {
    let action = action.trim().trim_matches(['`', '*', '"', '\'']);
    let end = action.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(action.len());
    let (tool, rest) = action.split_at(end);
    if tool.is_empty() {
        return Wish::Nonsense("`Action:` names no tool".into());
    }
    let own = rest.trim().trim_start_matches('(').trim_end_matches(')').trim();
    let text = arguments.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(own);
    let bare = text.trim_matches('`').trim();
    let arguments = match json_in(bare) {
        Some(value @ (Value::Object(_) | Value::String(_))) => value,
        _ if bare.is_empty() => Value::Object(serde_json::Map::new()),
        _ => Value::String(bare.to_string()),
    };
    Wish::Call { tool: tool.to_string(), arguments }
}

/// A reply that is only JSON, as models write that were trained on tool calls.
fn without_keys(reply: &str) -> Wish {
    let reason = "it has neither `Action:` nor `Answer:`";
    let Some(Value::Object(mut object)) = json_in(reply) else { return Wish::Nonsense(reason.into()) };
    let tool = ["tool", "action", "name"].iter().find_map(|key| object.get(*key)?.as_str().map(str::to_string));
    let arguments =
        ["arguments", "parameters", "action_input", "input", "args"].iter().find_map(|key| object.remove(*key));
    let answer = ["answer", "final_answer"].iter().find_map(|key| object.get(*key)?.as_str().map(str::to_string));
    match (tool, answer) {
        (Some(tool), _) => {
            Wish::Call { tool, arguments: arguments.unwrap_or_else(|| Value::Object(object_of(object))) }
        }
        (None, Some(answer)) if !answer.trim().is_empty() => Wish::Answer(answer),
        _ => Wish::Nonsense(reason.into()),
    }
}

/// The arguments that stand beside the tool's name.
fn object_of(mut object: serde_json::Map<String, Value>) -> serde_json::Map<String, Value> {
    for key in ["tool", "action", "name", "thought"] {
        object.remove(key);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn call(tool: &str, arguments: Value) -> Wish {
        Wish::Call { tool: tool.into(), arguments }
    }

    #[test]
    fn what_models_write_is_understood() {
        let sum = || call("calculator", json!({ "expression": "1+1" }));
        let answer = |text: &str| Wish::Answer(text.into());
        for (reply, thought, wish) in [
            ("Thought: add\nAction: calculator\nArguments: {\"expression\": \"1+1\"}", "add", sum()),
            ("**Thought:** add\n**Action:** `calculator`\n**Action Input:** {\"expression\": \"1+1\"}", "add", sum()),
            ("thought: add\nACTION: calculator\narguments:\n```json\n{\"expression\": \"1+1\"}\n```", "add", sum()),
            ("I shall add.\nAction: calculator({\"expression\": \"1+1\"})", "I shall add.", sum()),
            ("Action: calculator\nArguments: {\"expression\": \"1+1\"}\nObservation: 3\nAnswer: 3", "", sum()),
            ("{\"tool\": \"calculator\", \"arguments\": {\"expression\": \"1+1\"}}", "", sum()),
            ("{\"action\": \"calculator\", \"expression\": \"1+1\"}", "", sum()),
            ("Action: calculator\nArguments: 1+1", "", call("calculator", json!("1+1"))),
            ("Action: search", "", call("search", json!({}))),
            ("Thought: done\nAnswer: It is 2.\nAction: not this", "done", answer("It is 2.\nAction: not this")),
            ("Final Answer: 2", "", answer("2")),
            ("{\"answer\": \"2\"}", "", answer("2")),
        ] {
            assert_eq!(read(reply), Reply { thought: thought.into(), wish }, "{reply}");
        }
        for reply in ["", "The answer may be 2", "Action:", "Answer:", "Thought: hm", "[1, 2]", "{}"] {
            assert!(matches!(read(reply).wish, Wish::Nonsense(_)), "{reply}: {:?}", read(reply));
        }
    }

    proptest! {
        #[test]
        fn any_reply_is_read(reply in "(Thought|Action|Arguments|Answer|:|\\n|\\*|\\{|\\}|\"|<observation|é|[a-z]{1,4}| ){0,40}") {
            let _ = read(&reply);
        }
    }
}
