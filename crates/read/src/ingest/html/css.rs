//! Style sheets of a page go in, what they say of whether and where an element's text is seen comes out.
//!
//! Only what can be told without a browser is applied: selectors of one element (`p`, `.note`, `#x`, `p.note`) of sheets for every screen.
//! What hangs on ancestors, states or the size of a window is not, so that text is rather kept than lost.

use std::collections::HashMap;

use scraper::node::Element;

use crate::ingest::marks::Shift;
use crate::ingest::symbols::SignFont;

/// Bytes of style sheets of one page that are read, and rules that are kept.
const CSS_BYTES_MAX: usize = 1 << 20;
const RULES_MAX: usize = 10_000;
/// Groups of rules inside groups that are followed.
const GROUPS_MAX: usize = 8;

/// One thing that a rule says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    /// Whether there is a box at all.
    IsDisplayed(bool),
    IsVisible(bool),
    /// Whether its letters have a size, and a colour at all.
    HasSize(bool),
    IsOpaque(bool),
    IsStruck,
    Shift(Shift),
    Font(Option<SignFont>),
}

/// What all rules together say of an element; none where they say nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Style {
    pub(super) is_displayed: Option<bool>,
    pub(super) is_visible: Option<bool>,
    pub(super) has_size: Option<bool>,
    pub(super) is_opaque: Option<bool>,
    pub(super) is_struck: bool,
    pub(super) shift: Option<Shift>,
    /// The font of signs that its text is in; the inner none is a font of letters.
    #[expect(clippy::option_option, reason = "nothing is said, letters, and signs are three cases")]
    pub(super) font: Option<Option<SignFont>>,
}

impl Style {
    fn take(&mut self, said: Said) {
        match said {
            Said::IsDisplayed(is) => self.is_displayed = Some(is),
            Said::IsVisible(is) => self.is_visible = Some(is),
            Said::HasSize(has) => self.has_size = Some(has),
            Said::IsOpaque(is) => self.is_opaque = Some(is),
            Said::IsStruck => self.is_struck = true,
            Said::Shift(shift) => self.shift = Some(shift),
            Said::Font(font) => self.font = Some(font),
        }
    }
}

/// What a rule says, and whether it does so with `!important`.
type Declarations = Vec<(Said, bool)>;

#[derive(Debug, Default)]
struct Rule {
    tag: Option<String>,
    id: Option<String>,
    classes: Vec<String>,
    said: Declarations,
}

impl Rule {
    fn weight(&self) -> (usize, usize, usize) {
        (usize::from(self.id.is_some()), self.classes.len(), usize::from(self.tag.is_some()))
    }

    fn fits(&self, element: &Element) -> bool {
        self.tag.as_deref().is_none_or(|tag| tag == element.name())
            && self.id.as_deref().is_none_or(|id| element.id() == Some(id))
            && self.classes.iter().all(|class| element.classes().any(|of| of == class))
    }
}

/// The rules of a page.
#[derive(Debug, Default)]
pub(super) struct Styles {
    rules: Vec<Rule>,
    /// Rules by what their element must have: its id, else its first class, else its name (empty for any).
    by_id: HashMap<String, Vec<usize>>,
    by_class: HashMap<String, Vec<usize>>,
    by_tag: HashMap<String, Vec<usize>>,
    bytes: usize,
}

impl Styles {
    /// Adds the rules of the sheet `css`.
    pub(super) fn add(&mut self, css: &str) {
        self.bytes = self.bytes.saturating_add(css.len());
        if self.bytes <= CSS_BYTES_MAX {
            self.group(&without_comments(css), 0);
        }
    }

    /// Adds the rules of a sheet or of a group in it.
    fn group(&mut self, css: &str, depth: usize) {
        let mut rest = css;
        while let Some(at) = rest.find(['{', ';']) {
            let (head, body) = (rest[..at].trim(), &rest[at + 1..]);
            if rest.as_bytes()[at] == b';' {
                rest = body;
                continue;
            }
            let end = end_of_block(body);
            let inner = &body[..end];
            rest = body.get(end + 1..).unwrap_or_default();
            match head.strip_prefix('@') {
                Some(group) if is_for_screens(group) && depth < GROUPS_MAX => self.group(inner, depth + 1),
                Some(_) => {}
                None => self.rule(head, inner),
            }
        }
    }

    fn rule(&mut self, selectors: &str, body: &str) {
        let said = declarations(body);
        if said.is_empty() {
            return;
        }
        for selector in selectors.split(',') {
            if self.rules.len() >= RULES_MAX {
                return;
            }
            let Some(rule) = selector_of(selector.trim()) else { continue };
            let at = self.rules.len();
            let by = match (&rule.id, rule.classes.first()) {
                (Some(id), _) => self.by_id.entry(id.clone()),
                (None, Some(class)) => self.by_class.entry(class.clone()),
                (None, None) => self.by_tag.entry(rule.tag.clone().unwrap_or_default()),
            };
            by.or_default().push(at);
            self.rules.push(Rule { said: said.clone(), ..rule });
        }
    }

    /// What the rules and the element's own attribute `style` say of `element`.
    pub(super) fn of(&self, element: &Element) -> Style {
        let own = element.attr("style").map(declarations).unwrap_or_default();
        if self.rules.is_empty() && own.is_empty() {
            return Style::default();
        }
        let named = element.id().and_then(|id| self.by_id.get(id)).into_iter();
        let classed = element.classes().filter_map(|class| self.by_class.get(class));
        let tagged = [element.name(), ""].into_iter().filter_map(|tag| self.by_tag.get(tag));
        let mut found: Vec<usize> = named.chain(classed).chain(tagged).flatten().copied().collect();
        found.retain(|at| self.rules[*at].fits(element));
        found.sort_by_key(|at| (self.rules[*at].weight(), *at));
        let all = || found.iter().flat_map(|at| self.rules[*at].said.iter()).chain(own.iter());
        let mut style = Style::default();
        all().filter(|(_, is_important)| !is_important).for_each(|(said, _)| style.take(*said));
        all().filter(|(_, is_important)| *is_important).for_each(|(said, _)| style.take(*said));
        style
    }
}

fn without_comments(css: &str) -> String {
    let mut kept = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(start) = rest.find("/*") {
        kept.push_str(&rest[..start]);
        kept.push(' ');
        rest = rest[start + 2..].find("*/").map_or("", |end| &rest[start + 2 + end + 2..]);
    }
    kept.push_str(rest);
    kept
}

/// Where the block that `body` begins in ends: at its closing bracket, or with the sheet.
fn end_of_block(body: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in body.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    body.len()
}

/// Whether the rules of a group hold on every screen.
fn is_for_screens(group: &str) -> bool {
    let group = group.to_ascii_lowercase();
    let media = group.strip_prefix("media").map(|media| media.replace("only ", ""));
    media.is_some_and(|media| media.split(',').any(|one| matches!(one.trim(), "screen" | "all")))
        || group.starts_with("layer")
        || group.starts_with("charset")
}

/// A selector of one element without what hangs on others or on states.
fn selector_of(selector: &str) -> Option<Rule> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let mut rule = Rule::default();
    let start = selector.find(['.', '#']).unwrap_or(selector.len());
    match &selector[..start] {
        "" if start < selector.len() => {}
        "*" => {}
        tag if !tag.is_empty() && tag.chars().all(is_name) => rule.tag = Some(tag.to_ascii_lowercase()),
        _ => return None,
    }
    let mut rest = &selector[start..];
    while let Some(kind) = rest.chars().next() {
        let end = rest[1..].find(['.', '#']).map_or(rest.len(), |end| end + 1);
        let name = &rest[1..end];
        if name.is_empty() || !name.chars().all(is_name) || kind == '#' && rule.id.is_some() {
            return None;
        }
        match kind {
            '.' => rule.classes.push(name.to_owned()),
            _ => rule.id = Some(name.to_owned()),
        }
        rest = &rest[end..];
    }
    Some(rule)
}

fn declarations(body: &str) -> Declarations {
    body.split(';').filter_map(declaration).collect()
}

fn declaration(line: &str) -> Option<(Said, bool)> {
    let (name, value) = line.split_once(':')?;
    let value = value.trim().to_ascii_lowercase();
    let (value, is_important) = match value.strip_suffix("important").map(str::trim_end) {
        Some(value) if value.ends_with('!') => (value[..value.len() - 1].trim_end(), true),
        _ => (value.as_str(), false),
    };
    let number = || value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%').parse::<f32>().ok();
    let said = match name.trim().to_ascii_lowercase().as_str() {
        "display" => Said::IsDisplayed(value != "none"),
        "visibility" => Said::IsVisible(!matches!(value, "hidden" | "collapse")),
        "font-size" => Said::HasSize(number() != Some(0.0)),
        "opacity" => Said::IsOpaque(number() != Some(0.0)),
        "text-decoration" | "text-decoration-line" if value.contains("line-through") => Said::IsStruck,
        "vertical-align" => Said::Shift(match value {
            "super" | "text-top" => Shift::Raised,
            "sub" | "text-bottom" => Shift::Lowered,
            _ => Shift::Level,
        }),
        "font-family" => Said::Font(SignFont::named(value.split(',').next()?)),
        _ => return None,
    };
    Some((said, is_important))
}

#[cfg(test)]
mod tests {
    fn text(css: &str, body: &str) -> String {
        let document = crate::ingest::html::read_html(&format!("<style>{css}</style>{body}"), 512);
        let shown = document.blocks.iter().filter(|block| !block.kind.is_hidden());
        shown.map(|block| block.span.of(&document.text)).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn the_rules_of_a_sheet_hide_what_they_name() {
        let body = "<p class='a b'>one</p><p id=x>two</p><div>three</div><p>four</p>";
        for (css, shown) in [
            (".a { display: none }", "two|three|four"),
            ("p.b.a,#x{DISPLAY:NONE!important}", "three|four"),
            ("/* .a{} */ div { visibility: hidden; color: red } @media print { p { display: none } }", "one|two|four"),
            (
                "@media only screen { div { font-size: 0px } } @media (max-width: 9px) { p { display: none } }",
                "one|two|four",
            ),
            ("body div { display: none } p:hover, p > b, [x] { display: none }", "one|two|three|four"),
            ("p { display: none } #x { display: block } .b { opacity: 1 }", "two|three"),
            ("#x { display: none } p { display: block !important }", "one|two|three|four"),
            ("@import url(x.css); .a { opacity: 0 } .open {", "two|three|four"),
        ] {
            assert_eq!(text(css, body), shown, "{css}");
        }
    }

    #[test]
    fn a_visible_child_of_an_invisible_element_is_seen() {
        let body = "<div class=h>gone <span style='visibility:visible'>here</span></div>";
        assert_eq!(text(".h { visibility: hidden }", body), "here");
        assert_eq!(text(".h { display: none }", body), "");
    }
}
