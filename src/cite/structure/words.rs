//! What single English words do in a sentence: verbs, auxiliaries, opposites, converses, words that mean the same.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Whether `word` is a form of be, have or do, or a modal verb.
pub(super) fn is_auxiliary(word: &str) -> bool {
    matches!(
        word,
        "is" | "are"
            | "was"
            | "were"
            | "be"
            | "been"
            | "am"
            | "has"
            | "have"
            | "had"
            | "does"
            | "do"
            | "did"
            | "will"
            | "would"
            | "shall"
            | "should"
            | "may"
            | "might"
            | "must"
            | "can"
            | "could"
            | "cannot"
    )
}

/// Whether `word` is a form of be.
pub(super) fn is_be(word: &str) -> bool {
    matches!(word, "is" | "are" | "was" | "were" | "be" | "been" | "being")
}

/// Past forms and participles that do not end in -ed.
const IRREGULAR: &[&str] = &[
    "began",
    "begun",
    "bought",
    "brought",
    "built",
    "came",
    "chose",
    "chosen",
    "cut",
    "drawn",
    "drew",
    "fallen",
    "fell",
    "felt",
    "found",
    "gave",
    "given",
    "gone",
    "got",
    "grew",
    "grown",
    "held",
    "kept",
    "knew",
    "known",
    "laid",
    "led",
    "left",
    "lent",
    "let",
    "lost",
    "made",
    "meant",
    "met",
    "paid",
    "put",
    "ran",
    "read",
    "rose",
    "risen",
    "run",
    "said",
    "saw",
    "seen",
    "sent",
    "set",
    "shown",
    "shut",
    "sold",
    "spent",
    "stood",
    "stopped",
    "taken",
    "taught",
    "told",
    "took",
    "understood",
    "went",
    "withdrawn",
    "withdrew",
    "won",
    "wore",
    "worn",
    "written",
    "wrote",
];

/// Whether `word` looks like a past form or participle. Adjectives in -ed are taken for one, too.
pub(super) fn is_verb_form(word: &str) -> bool {
    IRREGULAR.contains(&word) || word.len() > 4 && word.ends_with("ed") && !word.ends_with("eed") && word != "hundred"
}

/// Words of one direction and of the other: any of the first contradicts any of the second. Stems.
const OPPOSITES: &[(&str, &str)] = &[
    (
        "increase rise rose risen grow grew grown growth higher gain improve promote enhance activate greater larger upregulate elevate \
         expand stimulate induce raise up climb surge strengthen widen longer more above exceed over",
        "decrease fall fell fallen decline lower loss lost reduce reduction inhibit suppress smaller fewer downregulate drop impair \
         shrink shrank worsen attenuate cut down weaken narrow shorter less below under",
    ),
    ("maximum highest largest most longest cap ceiling", "minimum lowest smallest least shortest floor"),
    ("open", "closed close shut"),
    ("win won", "lose lost"),
    ("buy bought acquire purchase", "sell sold dispose"),
    ("allow permit may authorise authorize let", "forbid forbidden prohibit ban bar disallow"),
    ("include", "exclude omit"),
    (
        "accept approve agree grant endorse adopt support pass confirm",
        "reject deny refuse decline oppose disapprove veto disagree dispute",
    ),
    ("pass succeed success", "fail failure"),
    ("comply compliant meet met satisfy", "breach violate default"),
    ("landlord lessor", "tenant lessee"),
    ("lender creditor", "borrower debtor"),
    ("employer", "employee"),
    ("buyer purchaser customer", "seller vendor supplier"),
    ("first earliest", "last latest"),
    ("start begin began begun commence", "end stop cease finish terminate expire"),
    ("profit income gain", "loss"),
    ("always", "never"),
    ("positive", "negative"),
    ("north northern", "south southern"),
    ("east eastern", "west western"),
    ("left", "right"),
    ("male man men", "female woman women"),
    ("internal inside", "external outside"),
    ("before prior", "after follow since"),
    ("add", "remove delete"),
    ("early earlier", "late later"),
    ("secured", "unsecured"),
    ("paid", "unpaid"),
    ("audited", "unaudited"),
    ("fixed", "floating variable"),
    ("full", "empty"),
    ("gross", "net"),
    ("current", "former previous past"),
    ("new", "old"),
    ("short", "long"),
    ("public", "private"),
    ("import", "export"),
    ("assets", "liabilities"),
    ("debit", "credit"),
    ("upper", "lower"),
    ("remain stay", "leave left resign"),
    ("appoint hire", "dismiss resign remove"),
    ("domestic", "foreign international"),
    ("safe", "unsafe dangerous"),
    ("valid", "invalid void"),
    ("same", "different"),
];

/// Whether the two words, each as written and as its stem, are of opposite meaning.
pub(super) fn are_opposite(a: (&str, &str), b: (&str, &str)) -> bool {
    let of = |list: &str, word: (&str, &str)| {
        list.split_whitespace().any(|held| held == word.0 || held == word.1 || stem_is(held, word.1))
    };
    OPPOSITES.iter().any(|&(one, other)| of(one, a) && of(other, b) || of(other, a) && of(one, b))
        && !OPPOSITES.iter().any(|&(one, other)| of(one, a) && of(one, b) || of(other, a) && of(other, b))
}

/// Whether `stem` is the stem of `word`: Porter2 drops a last e and turns a last y into an i.
fn stem_is(word: &str, stem: &str) -> bool {
    let base = word.strip_suffix('e').unwrap_or(word);
    stem == base || word.strip_suffix('y').is_some_and(|base| stem.strip_suffix('i') == Some(base))
}

/// Words that tell the same from the two ends: what one gives the other takes.
const CONVERSES: &[(&str, &str)] = &[
    ("buy bought purchase acquire", "sell sold"),
    ("lend lent loan", "borrow"),
    ("pay paid", "receive"),
    ("give gave given grant", "receive obtain get got"),
    ("employ", "work"),
    ("supply provide deliver", "receive buy bought"),
    ("own", "belong"),
    ("lease let rent", "rent lease"),
    ("precede", "follow"),
    ("defeat beat", "lose lost"),
    ("supervise manage", "report"),
    ("teach taught", "learn"),
    ("parent", "subsidiary"),
];

/// Whether the two words tell the same from two ends.
pub(super) fn are_converse(a: (&str, &str), b: (&str, &str)) -> bool {
    let of = |list: &str, word: (&str, &str)| {
        list.split_whitespace().any(|held| held == word.0 || stem_is(held, word.1) || held == word.1)
    };
    a.1 != b.1 && CONVERSES.iter().any(|&(one, other)| of(one, a) && of(other, b) || of(other, a) && of(one, b))
}

/// Sets of words that mean nearly the same in the documents of companies. Stems.
const SYNONYMS: &[&str] = &[
    "revenu turnov sale",
    "earn profit incom",
    "employe staff worker personnel workforc",
    "buy bought purchas acquir acquisit",
    "compani firm busi corpor",
    "contract agreement",
    "begin began begun start commenc",
    "end finish conclud expir termin ceas",
    "rise rose risen increas grow grew grown climb higher gain up",
    "fall fell fallen decreas declin drop reduc lower down",
    "approv adopt accept agre endors",
    "reject refus declin",
    "cost price charg fee expens",
    "pay paid payment",
    "big larg",
    "need requir",
    "must oblig requir",
    "allow permit entitl may",
    "holiday vacat leav pto",
    "tenant lesse occupi",
    "landlord lessor",
    "rent let leas",
    "chief head",
    "ceo chief",
    "supervis manag",
    "yearli annual year",
    "month monthli",
    "week weekli",
    "quarter quarterli",
    "day daili",
    "per each everi",
    "vacant empti",
    "cancel termin",
    "car vehicl",
    "help assist",
    "send sent submit",
    "suppli provid deliv",
    "total sum altogeth",
    "part share proport percentag",
    "replac exchang substitut",
    "fail failur broke broken",
    "happen occur",
    "locat base situat",
    "hire recruit appoint",
    "build built construct",
    "show shown indic",
    "use util",
    "death die dead",
    "born birth",
    "inform notifi tell told",
    "chairman chairwoman chair chairperson",
    "produc make made manufactur",
    "shut close closur closed",
    "found establish set",
    "lead led head",
    "win won victori",
    "resign left leave depart quit",
    "limit cap maximum max ceil",
    "lowest minimum",
    "invoic bill",
    "repair mend fix",
    "carri carryov",
    "remain stay",
    "defer postpon delay",
    "about approxim roughli",
];

/// The sets of [`SYNONYMS`] that hold `stem`.
pub(super) fn are_synonyms(a: &str, b: &str) -> bool {
    static SETS: LazyLock<HashMap<&str, Vec<usize>>> = LazyLock::new(|| {
        let mut sets: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, set) in SYNONYMS.iter().enumerate() {
            set.split(' ').for_each(|stem| sets.entry(stem).or_default().push(at));
        }
        sets
    });
    a == b || SETS.get(a).is_some_and(|of| SETS.get(b).is_some_and(|others| of.iter().any(|set| others.contains(set))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cite::lexical::words;

    fn pair(a: &str, b: &str, holds: fn((&str, &str), (&str, &str)) -> bool) -> bool {
        let (a, b) = (&words(a)[0], &words(b)[0]);
        holds((&a.folded, &a.stem), (&b.folded, &b.stem))
    }

    #[test]
    fn opposites_hold_for_every_form() {
        for (a, b) in [("approved", "rejecting"), ("rises", "declined"), ("minimum", "maximum"), ("increases", "fell")]
        {
            assert!(pair(a, b, are_opposite), "{a} {b}");
        }
        for (a, b) in [("rose", "increased"), ("lower", "cut"), ("approved", "approves"), ("rose", "board")] {
            assert!(!pair(a, b, are_opposite), "{a} {b}");
        }
        assert!(pair("bought", "sells", are_converse) && !pair("bought", "buys", are_converse));
    }
}
