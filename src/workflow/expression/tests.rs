use serde_json::json;

use super::*;

fn scope() -> Scope {
    let state = json!({
        "input": { "question": "Who?", "amount": 3, "rate": 2.5 },
        "draft": { "text": "A. B.", "claims": [[0, 2], [3, 5]] },
        "find": { "hits": [{ "path": "b", "score": 0.5 }, { "path": "a", "score": 0.9 }, { "path": "b", "score": 0.1 }] },
        "gone": null,
        "visit": 2,
    });
    let Value::Object(state) = state else { unreachable!() };
    state.into_iter().collect()
}

fn value(source: &str) -> Value {
    Expression(source.into()).evaluate(&scope()).unwrap_or_else(|failure| panic!("{source}: {failure}"))
}

fn paths(names: &[&str]) -> BTreeSet<NamedPath> {
    names.iter().map(|name| name.split('.').map(String::from).collect()).collect()
}

#[test]
fn expressions_give_json() {
    let cases = [
        ("draft.claims", json!([[0, 2], [3, 5]])),
        ("size(draft.claims) == 2", json!(true)),
        ("10 * visit", json!(20)),
        ("input.rate * input.amount", json!(7.5)),
        ("input.amount - input.rate", json!(0.5)),
        ("1 + 2.5 == 3.5 && input.amount / 2.0 == 1.5 && 7 / 2 == 3", json!(true)),
        ("input.amount > input.rate", json!(true)),
        ("has(draft.text) && !has(draft.verdict)", json!(true)),
        ("gone == null || gone.text == 'x'", json!(true)),
        ("find.hits.filter(h, h.score > 0.3).map(h, h.path)", json!(["b", "a"])),
        ("unique(find.hits.map(h, h.path))", json!(["b", "a"])),
        ("sort_by(find.hits, '-score')[0].path", json!("a")),
        ("flatten([[1], [2, 3], 4])", json!([1, 2, 3, 4])),
        ("join(['a', 1, null, 2.5], '-')", json!("a-1-2.5")),
        ("round(2.0 / 3, 2)", json!(0.67)),
        ("question_parts(input.question)", json!(["Who?"])),
        (
            "question_parts('Who is Anna Vogt and what does she lead?')",
            json!(["Who is Anna Vogt?", "what does she (Anna Vogt) lead?"]),
        ),
        ("sum(find.hits.map(h, h.score)) > 1.49 && sum([1, 2]) == 3", json!(true)),
        ("input.question.matches('(?i)^who')", json!(true)),
        ("{'z': 1, 'a': {'n': visit}}", json!({"a": {"n": 2}, "z": 1})),
        ("{'z': 1, 'a': 2, 'm': 3}.map(key, key)", json!(["a", "m", "z"])),
        ("draft.text.split(' ')", json!(["A.", "B."])),
        ("math.greatest(1, visit)", json!(2)),
        ("type(visit) == int ? string(visit) : ''", json!("2")),
        ("[1, 2].map(x, [x]) + [[3]]", json!([[1], [2], [3]])),
    ];
    for (source, expected) in cases {
        assert_eq!(value(source), expected, "{source}");
    }
}

#[test]
fn failures_name_the_expression_and_the_value() {
    let cases = [
        ("draft.txt", "`draft` has no field `txt`; it has text, claims"),
        ("draft.txt == 'a'", "`draft` has no field `txt`; it has text, claims"),
        ("gone.text", "`gone` is null here"),
        ("nobody.text == 1", "there is no value `nobody` here"),
        ("input.question + 1", "'add'"),
        ("1 +", "it is no CEL expression"),
        ("frobnicate(1)", "there is no function `frobnicate`"),
        ("input.question.matche('a')", "did you mean `matches`?"),
        ("input.question.matches('(')", "unclosed group"),
        ("1 / 0", "zero"),
        ("1.0 / 0", "no number"),
        ("draft.claims[7]", "bounds"),
    ];
    for (source, expected) in cases {
        let failure = Expression(source.into()).evaluate(&scope()).expect_err(source);
        assert_eq!(failure.class, FailureClass::Expression);
        assert!(failure.message.contains(expected) && failure.message.contains(source), "{source}: {failure}");
    }
    let failure = Expression("visit".into()).holds(&scope()).unwrap_err();
    assert!(failure.message.contains("it gives the number 2, not true or false"), "{failure}");
}

#[test]
fn templates_give_text() {
    let cases = [
        ("{{ input.question }}", "Who?"),
        ("{% for hit in find.hits %}{{ loop.index }}{{ hit.path }} {% endfor %}", "1b 2a 3b "),
        (
            "{{ find.hits | length }} {{ draft.claims | tojson }} {{ ['a', 'b'] | join(', ') }}",
            "3 [[0, 2], [3, 5]] a, b",
        ),
        (
            "{{ 1234567.5 | number }} {{ 1234 | number }} {{ -1234.5 | number(2) }} {{ 12 | number }}",
            "1,234,567.5 1,234 -1,234.50 12",
        ),
        ("{{ 0.1234 | percent }} {{ 0.5 | percent(0) }}", "12.3% 50%"),
        ("{% set d = draft %}{{ d.text }}", "A. B."),
        ("{% set ns = namespace(n=0) %}{% for h in find.hits %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", "3"),
        ("{{ 'a\nb' | indent(2) }}|{{ 'a' | replace('a', 'b') }}", "a\n  b|b"),
        ("{{ draft['text'] }} {{ draft.claims[1][0] }}", "A. B. 3"),
        ("{% if gone %}x{% else %}<none>{% endif %}", "<none>"),
        ("{{ draft | tojson }}", r#"{"claims": [[0, 2], [3, 5]], "text": "A. B."}"#),
    ];
    for (source, expected) in cases {
        let text = Template(source.into()).render(&scope()).unwrap_or_else(|failure| panic!("{source}: {failure}"));
        assert_eq!(text, expected, "{source}");
    }
}

#[test]
fn templates_that_fail_say_why() {
    let cases = [
        ("{{ draft.txt }}", "`draft` has no field `txt`; it has text, claims"),
        ("{{ nobody }}", "there is no value `nobody` here"),
        ("{{ draft.text | nofilter }}", "nofilter"),
        ("{{ draft.", "it is no template"),
        ("{{ draft | number }}", "needs a number"),
        ("{% for a in range(9000) %}{% for b in range(9000) %}{% endfor %}{% endfor %}", "too many steps"),
        (
            "{% set ns = namespace(s='x') %}{% for i in range(40) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
            "flags and counters",
        ),
        ("{% macro f(s) %}{{ f(s ~ s) }}{% endmacro %}{{ f('x') }}", "calls nothing of its own"),
        ("{{ 'x\\ny' | indent(3000000000) }}", "at most 1000"),
        ("{{ ('x' * 100000) | replace('x', 'y' * 10000) }}", "more than 32 MiB"),
        ("{{ range(1000) | slice(100000000) }}", "at most 1000"),
        (&format!("{{% for a in range(9000) %}}{}{{% endfor %}}", "x".repeat(4_000)), "more than 32 MiB"),
    ];
    for (source, expected) in cases {
        let failure = Template(source.into()).render(&scope()).expect_err(source);
        assert_eq!(failure.class, FailureClass::Expression);
        assert!(failure.message.contains(expected), "{source}: {failure}");
    }
}

#[test]
fn what_takes_too_much_ends() {
    let ten = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]";
    let loops = (0..9).fold("true".to_string(), |body, _| format!("{ten}.all(x, {body})"));
    let doubled = (0..28).fold("draft".to_string(), |body, _| format!("[{body}].map(x, [x, x])[0]"));
    let text = "lists.range(1000).map(x, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')";
    let cases = [
        (loops.as_str(), "too many steps"),
        (&format!("{ten}.exists(y, !{loops})"), "too many steps"),
        (&format!("{loops} || true"), "too many steps"),
        (&doubled, "too much memory"),
        (&format!("{text}.map(x, join({text}, x).replace('a', x)).size()"), "too much memory"),
        (&format!("join({text}, '').split('').map(x, join({text}, x))"), "too many steps"),
        (&format!("[join({text}, '')].map(t, lists.range(100000).map(at, t.contains('b')))"), "too many steps"),
    ];
    for (source, expected) in cases {
        let failure = Expression(source.into()).evaluate(&scope().fuelled(Fuel::quick())).expect_err(source);
        assert!(failure.message.contains(expected), "{source}: {failure}");
    }
    let slow = [
        "lists.range(10000).all(x, lists.range(1000000).size() > 0)",
        "lists.range(10000).all(x, lists.range(10000).all(y, y >= 0))",
        "unique(lists.range(30000).map(x, [x]))",
        "lists.range(30000).map(x, [x]).distinct()",
    ];
    for source in slow {
        let started = std::time::Instant::now();
        Expression(source.into()).evaluate(&scope().fuelled(Fuel::quick())).expect_err(source);
        assert!(started.elapsed().as_secs() < 2, "{source}");
    }
    assert_eq!(value("unique([1, 1.0, '1', true, 'true', [1], [1], 2])"), json!([1, "1", true, "true", [1], 2]));
    // The fuel is that of a visit, not that of one expression.
    let scope = scope().fuelled(Fuel::quick());
    let rounds = Expression("lists.range(10000).all(at, at >= 0)".into());
    let done = (0..100).take_while(|_| rounds.evaluate(&scope).is_ok()).count();
    assert!((2..20).contains(&done) && scope.fuel().is_out(), "{done}");
    assert!(Template("{% for x in range(9) %}{{ x }}{% endfor %}".into()).render(&scope).is_err());
}

#[test]
fn references_are_the_paths_that_are_read() {
    let cases = [
        ("draft.text == input.question", paths(&["draft.text", "input.question"])),
        ("find.hits.filter(h, h.score > rate.min).map(x, x.y)", paths(&["find.hits", "rate.min"])),
        ("has(draft.text) ? draft.claims[visit] : int('1')", paths(&["draft.text", "draft.claims", "visit"])),
        ("math.greatest(a, b.c) + size(d)", paths(&["a", "b.c", "d"])),
        ("{'a': b}.a", paths(&["b"])),
        ("find.hits.sortBy(h, h.score)", paths(&["find.hits"])),
    ];
    for (source, expected) in cases {
        assert_eq!(Expression(source.into()).references().unwrap(), expected, "{source}");
    }
    let source = "{% for h in find.hits %}{{ h.path }}{{ draft.text }}{% endfor %}{{ range(3) }}{% set z = y %}{{ z }}";
    assert_eq!(Template(source.into()).references().unwrap(), paths(&["find.hits", "draft.text", "y"]));
}

#[test]
fn mistakes_have_a_place() {
    let mistake = Expression("draft.text ==\n  )".into()).references().unwrap_err();
    assert_eq!(mistake.offset, 16, "{mistake:?}");
    let mistake = Expression("1 + nope(2)".into()).references().unwrap_err();
    assert!((4..=8).contains(&mistake.offset), "{mistake:?}");
    let mistake = Template("ok\n{{ a b }}".into()).references().unwrap_err();
    assert!((3..12).contains(&mistake.offset), "{mistake:?}");
}

#[test]
fn nothing_deep_or_long_ends_the_program() {
    let deep = [
        format!("{}1{}", "(".repeat(1_500), ")".repeat(1_500)),
        vec!["1"; 1_900].join("+"),
        "!".repeat(3_000) + "true",
        "-".repeat(3_000) + "1",
        "a.".repeat(1_900) + "b",
        format!("{}{}", "[".repeat(1_900), "]".repeat(1_900)),
        vec!["1"; 99].join("+"),
        format!("{}1{}", "size([".repeat(48), "])".repeat(48)),
        "x".repeat(5_000),
        "a?".repeat(1_500),
        "'\u{0}\u{fffd}".into(),
    ];
    for source in &deep {
        let _ = Expression(source.clone()).evaluate(&scope());
        let _ = Template(format!("{{{{ {source} }}}}")).render(&scope());
        let _ = Template(format!("{{% if {source} %}}")).render(&scope());
    }
    let blocks = "{% if a %}".repeat(3_000);
    let _ = Template(blocks).render(&scope());
}

proptest::proptest! {
    #[test]
    fn no_source_panics(source in "[ -~\u{e9}\u{1f600}\n]{0,60}") {
        let _ = Expression(source.clone()).evaluate(&scope());
        let _ = Template(source.clone()).render(&scope());
        let _ = Template(format!("{{{{ {source} }}}}")).render(&scope());
    }
}
