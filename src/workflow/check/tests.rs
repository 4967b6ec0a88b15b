use super::*;

/// What every case begins with.
const HEAD: &str = r#"name = "t"
input = { question = "string", docs = { type = "list", default = [] } }
"#;

fn known() -> Known {
    Known {
        models: Some(["local", "strong"].map(String::from).into()),
        tools: Some(crate::workflow::services::Services::default().tools().schemas()),
        folder: Some("/nowhere".into()),
    }
}

/// The problems of a file as `line:column message (suggestion)`; warnings have `~` in front.
fn problems(text: &str) -> Vec<String> {
    let problems = match load(text, "t.toml", &known()) {
        Ok(checked) => checked.warnings,
        Err(problems) => problems,
    };
    problems
        .iter()
        .map(|problem| {
            let sign = if problem.severity == Severity::Warning { "~" } else { "" };
            let hint = problem.suggestion.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{sign}{}:{} {}{hint}", problem.line, problem.column, problem.message)
        })
        .collect()
}

#[test]
fn every_kind_of_problem_is_found_with_its_place() {
    let mut all = String::new();
    for steps in cases() {
        let text = format!("{HEAD}{steps}");
        let lines = text.lines().enumerate().map(|(at, line)| format!("{:>3} {line}\n", at + 1));
        all.push_str(&lines.collect::<String>());
        all.push_str(&problems(&text).iter().map(|problem| format!("    => {problem}\n")).collect::<String>());
        all.push('\n');
    }
    insta::assert_snapshot!(all);
}

#[test]
fn only_steps_with_attempts_of_their_own_are_tried_again() {
    let step = |rest: &str| format!("{HEAD}[[step]]\nid = \"a\"\nretry = {{ attempts = 2 }}\n{rest}");
    let found = problems(&step("kind = \"approve\"\nprompt = \"Well?\"\n"));
    assert!(found.iter().any(|found| found.starts_with("5:9") && found.contains("take `retry` out")), "{found:?}");
    let found = problems(&step("kind = \"format\"\ntemplate = \"x\"\n"));
    assert!(found.len() == 1 && found[0].contains("`retry` does nothing here"), "{found:?}");
}

fn cases() -> Vec<String> {
    let find = "[[step]]\nid = \"find\"\nkind = \"retrieve\"\nquery = \"{{ input.question }}\"\n";
    let step = |id: &str, rest: &str| format!("[[step]]\nid = \"{id}\"\n{rest}\n");
    let text = |id: &str, rest: &str| step(id, &format!("kind = \"format\"\ntemplate = \"x\"\n{rest}"));
    vec![
        // Shape.
        "[[step]\n".into(),
        text("a", "") + "nam = 1\n",
        step("a", "kind = \"formt\""),
        step("a", ""),
        step("a", "kind = \"retrieve\"\nquery = 3\ntop_k = -1\ncache = \"yes\"\non_errors = \"skip\""),
        step("a", "kind = \"verify\"\ndraft = \"input.question\""),
        text("a", "record = \"ful\""),
        text("a", "retry = { attempt = 3 }\nvisits_max = -1"),
        // Ids.
        text("Draft", "")
            + &text("input", "needs = [\"Draft\"]")
            + &text("a", "needs = [\"input\"]")
            + &text("a", "needs = [\"a\"]"),
        // Edges.
        find.to_string()
            + &text("a", "needs = [\"fnd\"]\ngoto = [{ step = \"fidn\", when = \"true\" }]\non_error = \"skp\""),
        text("a", "needs = [\"c\"]")
            + &text("b", "needs = [\"a\"]")
            + &text("c", "needs = [\"b\"]")
            + &text("d", "needs = [\"d\"]"),
        find.to_string() + &text("a", "needs = [\"find\"]\ngoto = [{ step = \"find\", when = \"a.text == ''\" }]"),
        text("a", "goto = [{ step = \"b\", when = \"visit > 1\" }]") + &text("b", "needs = [\"a\"]\nmax_visits = 2"),
        text("a", "max_visits = 0") + &text("b", "needs = [\"a\"]\nmax_visits = 2"),
        // Reaching.
        text("a", "on_error = \"b\"") + &text("b", "") + &text("c", "needs = [\"b\"]"),
        text("a", "") + &text("b", "needs = [\"a\"]\nwhen = \"false\""),
        text("a", "") + &text("b", ""),
        text("a", "on_error = \"a\"") + &text("b", "needs = [\"a\"]\non_error = \"a\""),
        text("a", "on_error = \"b\"") + &text("c", "") + &text("b", "needs = [\"c\"]"),
        // Names.
        find.to_string() + &step("a", "kind = \"format\"\nneeds = [\"find\"]\nvalue = \"find.hist\""),
        find.to_string() + &step("a", "kind = \"format\"\nvalue = \"find.hits\""),
        text("a", "needs = [\"b\"]")
            + &step(
                "b",
                "kind = \"format\"\ntemplate = \"\"\"\nGood: {{ input.question }}\nBad: {{ a.text }} {{ input.questoin }} {{ question }}\"\"\"",
            ),
        find.to_string()
            + &step(
                "a",
                "kind = \"generate\"\nneeds = [\"find\"]\nhits = \"find.hits\"\nquestion = \"{{ input.question }}\"\naccept = \"text.size() > 3\"",
            )
            + &step("b", "kind = \"verify\"\nneeds = [\"a\"]\ndraft = \"a.txt\"\nhits = \"find.hits\""),
        find.to_string()
            + &step(
                "a",
                "kind = \"format\"\nneeds = [\"find\"]\nvalue = \"last.fidn.hits\"\nwhen = \"last.find.hist == []\"",
            ),
        step("a", "kind = \"compute\"\nvalues = { n = \"1\" }\nexact = { r = \"1 / 3\" }")
            + &step("b", "kind = \"format\"\nneeds = [\"a\"]\nvalue = \"[a.n, a.r, a.r_number, a.q]\""),
        step("a", "kind = \"format\"\nvalue = \"input.question +\"\nwhen = \"nope(1)\"")
            + &step("b", "kind = \"format\"\ntemplate = \"{{ input.question | shout }\"\nneeds = [\"a\"]"),
        step("a", "kind = \"format\"\nvalue = \"item + last.a\""),
        // Types.
        find.to_string()
            + &text("a", "needs = [\"find\"]\nwhen = \"find.hits\"")
            + &step("b", "kind = \"rerank\"\nneeds = [\"a\"]\nquery = \"q\"\nhits = \"a.text\"\ntop_k = 0"),
        step(
            "a",
            "kind = \"extract\"\nprompt = \"p\"\nschema = { type = \"object\", properties = { sum = { type = \"number\" } } }",
        ) + &step("b", "kind = \"format\"\nneeds = [\"a\"]\nvalue = \"a.value.summ\""),
        // Settings of kinds.
        step("a", "kind = \"retrieve\"")
            + &step("b", "kind = \"retrieve\"\nneeds = [\"a\"]\nquery = \"q\"\nqueries = \"input.docs\""),
        step("a", "kind = \"extract\"\npatterns = [{ name = \"p\", regex = '(a' }, { name = \"q\", regex = 'a' }]")
            + &step("b", "kind = \"extract\"\nneeds = [\"a\"]\nprompt = \"p\"\nschema = { type = 3 }"),
        step("a", "kind = \"generate\"\nmodel = [\"strnog\", \"extractive\"]\ntokens_max = 0\ntemperature = -1"),
        step("a", "kind = \"agent\"\ngoal = \"g\"\ntools = [\"serach\"]\nmodel = [\"other\"]\nrounds_max = 0")
            + &step("b", "kind = \"tool\"\nneeds = [\"a\"]\ntool = \"calcluator\""),
        step(
            "a",
            "kind = \"classify\"\ntext = \"t\"\ndefault = \"x\"\nsimilarity_min = 2\nclasses = [{ label = \"x\" }, { label = \"x\", when = \"text == 'a'\" }]",
        ),
        step("a", "kind = \"rules\"\nrules = []")
            + &step("b", "kind = \"compute\"\nneeds = [\"a\"]")
            + &step("c", "kind = \"format\"\nneeds = [\"b\"]"),
        step("a", "kind = \"each\"\nover = \"input.question\"\ngraph = \"on\"\ninput = { q = \"item\" }\nparallel = 0")
            + "[graph.one]\ninput = { question = \"string\" }\n[[graph.one.step]]\nid = \"s\"\nkind = \"format\"\ntemplate = \"{{ input.q }}\"\n",
        step("a", "kind = \"each\"\nover = \"input.docs\"\ngraph = \"one\"\ninput = { q = \"item\" }")
            + "[graph.one]\ninput = { question = \"string\" }\n[[graph.one.step]]\nid = \"s\"\nkind = \"workflow\"\ngraph = \"one\"\ninput = { question = \"a.items\" }\n",
        step("a", "kind = \"workflow\"\nfile = \"nowhere.toml\"\nlimits = { tokens = 0 }")
            + "[limits]\nsteps = 0\nusd = -1.0\n",
        "output = \"b\"\n".to_string() + &text("a", ""),
        // Kinds of values, as far as they are sure.
        step(
            "a",
            "kind = \"compute\"\nwhen = \"size(input.docs)\"\nvalues = { a = \"input.question + 1\", b = \"input.docs.map(d, d.x) + 'x'\", \
             c = \"!visit\", d = \"size(input.docs) > 'a'\", e = \"input.question - 1\", f = \"input.docs.trim()\", \
             g = \"input.question.map(c, c)\", j = \"input.question.matches('(')\", k = \"size(visit)\", l = \"sum(input.question)\", h = \"visit > 1 ? 1 : 'a'\", i = \"input.docs[0] + 1 + size(input.question)\" }",
        ),
        step("a", "kind = \"tool\"\ntool = \"calculator\"\narguments = { expresion = \"'1'\" }")
            + &step(
                "b",
                "kind = \"tool\"\nneeds = [\"a\"]\ntool = \"calculator\"\narguments = { expression = \"1 + 1\" }",
            ),
        step("a", "kind = \"each\"\nover = \"input.docs\"\ngraph = \"one\"\ninput = { n = \"string(index)\" }")
            + "[graph.one]\ninput = { n = \"integer\" }\n[[graph.one.step]]\nid = \"s\"\nkind = \"format\"\ntemplate = \"{{ input.n }}\"\n",
        step("a", "kind = \"workflow\"\nfile = \"ask\"\ninput = { questoin = \"input.question\" }"),
        // Settings that do nothing.
        step("a", "kind = \"compute\"\nvalues = { n = \"1\" }\ncache = true\nretry = { attempts = 2 }")
            + &step("b", "kind = \"approve\"\nneeds = [\"a\"]\nprompt = \"Well?\"\ntimeout_ms = 5"),
    ]
}

#[test]
fn a_default_must_be_of_its_type() {
    let text = "name = \"t\"\ninput = { n = { type = \"integer\", default = 1.5 }, Big = \"any\" }\n[[step]]\nid = \"a\"\nkind = \"format\"\ntemplate = \"x\"\n";
    let expected = [
        "2:45 the default of `n` is a number with a fraction, not a whole number",
        "2:52 `Big` cannot be the name of an input (use lower case letters, digits and `_`)",
    ];
    assert_eq!(problems(text), expected);
}

/// A workflow with all kinds of arrows and nothing wrong.
pub(crate) const SOUND: &str = r#"
name = "sound"
description = "Everything at once."
input = { question = "string", deep = { type = "boolean", default = false } }
output = "answer"

[limits]
steps = 40
usd = 0.5

[[step]]
id = "route"
kind = "classify"
text = "{{ input.question }}"
default = "lookup"
[[step.classes]]
label = "smalltalk"
when = 'text.matches("(?i)^hello")'

[[step]]
id = "find"
kind = "retrieve"
needs = ["route"]
when = "route.label != 'smalltalk'"
query = "{{ input.question }}{% if visit > 1 %} {{ last.draft.text }}{% endif %}"
top_k = "10 * visit"
max_visits = 3

[[step]]
id = "draft"
kind = "generate"
needs = ["find"]
model = ["local", "extractive"]
question = "{{ input.question }}"
hits = "find.hits"
on_error = "plain"

[[step]]
id = "plain"
kind = "format"
needs = ["find"]
template = "{% for hit in find.hits %}{{ hit.text }}{% endfor %}"

[[step]]
id = "check"
kind = "verify"
needs = ["draft"]
draft = "draft"
hits = "find.hits"
goto = [{ step = "find", when = "check.share < 0.5" }]

[[step]]
id = "parts"
kind = "each"
needs = ["check"]
over = "check.claims.filter(c, c.verdict == 'unsupported').map(c, c.text)"
graph = "one"
input = { claim = "item", number = "index + 1" }

[[step]]
id = "answer"
kind = "format"
needs = ["route", "parts"]
value = "parts == null ? {'text': 'Hello'} : {'text': draft.text, 'parts': parts.items}"

[graph.one]
input = { claim = "string", number = "integer" }
[[graph.one.step]]
id = "again"
kind = "retrieve"
query = "{{ input.claim }}"
[[graph.one.step]]
id = "best"
kind = "format"
needs = ["again"]
value = "again.hits[0]"
"#;

#[test]
fn a_sound_workflow_has_no_problem() {
    assert_eq!(problems(SOUND), [""; 0]);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[ -~\u{e9}\n]{0,200}") {
        let _ = load(&text, "t.toml", &known());
    }

    #[test]
    fn no_damage_panics(cut in 0..SOUND.len(), length in 0_usize..60, put in "[a-z\"'\\[\\]{}=.0-9\n\u{e9}]{0,12}") {
        // A broken copy of a real file reaches further than random text.
        let end = (cut + length).min(SOUND.len());
        let text = format!("{}{put}{}", &SOUND[..cut], &SOUND[end..]);
        for problem in load(&text, "t.toml", &known()).err().into_iter().flatten() {
            let line = text.split('\n').nth(problem.line - 1).expect("the line is there");
            proptest::prop_assert!(problem.column <= line.chars().count() + 1, "{problem:?}");
        }
    }
}
