//! Text in, the language that it is surely in out, or that this is not sure.
//!
//! Questions are short and full of names, so a question counts as one in another language only by words that ask or carry grammar there and
//! mean nothing in English; names never decide. Passages are long, and counted by letters.

use whatlang::{Lang, Script};

use crate::stop_words::is_stop_word;

/// A language that was made out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language {
    /// By ISO 639-1 where it has such a code, else by ISO 639-3.
    pub code: &'static str,
    /// In English.
    pub name: &'static str,
}

/// English.
pub const ENGLISH: Language = Language { code: "en", name: "English" };

/// Words of a language that are no words of English: those that ask, of which a question has one, and others that carry grammar.
struct Known {
    language: Language,
    asking: &'static [&'static str],
    others: &'static [&'static str],
}

const KNOWN: [Known; 9] = [
    Known {
        language: Language { code: "de", name: "German" },
        asking: &[
            "wie", "welche", "welcher", "welches", "welchen", "wer", "wann", "wo", "warum", "wieso", "wieviel",
            "woher", "gibt", "ist", "sind", "wird", "wurde", "wurden", "werden",
        ],
        others: &[
            "der", "das", "dem", "den", "ein", "eine", "einer", "eines", "einen", "und", "oder", "nicht", "für", "von",
            "vom", "zu", "zum", "zur", "mit", "bei", "auf", "über", "nach", "im", "sich", "auch", "nur", "bis", "seit",
            "wir", "sie", "ich", "es", "hoch", "viel", "viele", "hat", "haben", "kann", "muss", "darf",
        ],
    },
    Known {
        language: Language { code: "fr", name: "French" },
        asking: &[
            "quel",
            "quelle",
            "quels",
            "quelles",
            "qui",
            "quand",
            "où",
            "comment",
            "pourquoi",
            "combien",
            "est",
            "sont",
            "était",
            "a-t-il",
            "est-ce",
            "qu'est-ce",
        ],
        others: &[
            "le", "les", "du", "des", "un", "une", "et", "ou", "que", "dans", "pour", "avec", "sur", "par", "aux",
            "au", "ce", "cette", "ces", "il", "elle", "nous", "vous", "ne", "pas", "plus", "de", "la",
        ],
    },
    Known {
        language: Language { code: "es", name: "Spanish" },
        asking: &[
            "qué", "cuál", "cuáles", "quién", "quiénes", "cuándo", "dónde", "cómo", "cuánto", "cuánta", "cuántos",
            "cuántas", "cual", "quien", "cuando", "cuanto", "cuantos", "es", "son", "fue", "fueron",
        ],
        others: &[
            "el", "los", "las", "del", "un", "una", "y", "que", "en", "para", "con", "por", "se", "su", "al", "lo",
            "más", "no", "de", "la",
        ],
    },
    Known {
        language: Language { code: "it", name: "Italian" },
        asking: &[
            "qual", "quale", "quali", "chi", "quando", "dove", "perché", "quanto", "quanta", "quanti", "quante",
            "cosa", "è", "sono", "era",
        ],
        others: &[
            "il", "lo", "gli", "della", "del", "dei", "delle", "dello", "degli", "un", "una", "e", "che", "nel",
            "nella", "per", "con", "si", "di", "da", "al", "alla", "non", "più", "la", "le",
        ],
    },
    Known {
        language: Language { code: "pt", name: "Portuguese" },
        asking: &[
            "qual", "quais", "quem", "quando", "onde", "quanto", "quanta", "quantos", "quantas", "é", "são", "foi",
            "foram",
        ],
        others: &[
            "os", "um", "uma", "e", "que", "em", "para", "com", "por", "da", "dos", "das", "na", "nas", "nos", "ao",
            "não", "mais", "o", "de", "do",
        ],
    },
    Known {
        language: Language { code: "nl", name: "Dutch" },
        asking: &[
            "wat", "wie", "welke", "wanneer", "waar", "waarom", "hoe", "hoeveel", "wordt", "werd", "zijn", "heeft",
        ],
        others: &[
            "het", "een", "en", "van", "voor", "op", "niet", "met", "aan", "bij", "uit", "naar", "ook", "dat", "deze",
            "de",
        ],
    },
    Known {
        language: Language { code: "sv", name: "Swedish" },
        asking: &["vad", "vilken", "vilket", "vilka", "vem", "när", "varför", "hur", "är", "blev", "finns"],
        others: &[
            "och", "att", "det", "som", "för", "av", "med", "på", "till", "ett", "den", "inte", "en", "många", "stor",
        ],
    },
    Known {
        language: Language { code: "da", name: "Danish" },
        asking: &[
            "hvad", "hvilken", "hvilket", "hvilke", "hvem", "hvornår", "hvor", "hvorfor", "hvordan", "er", "blev",
        ],
        others: &["og", "det", "som", "af", "med", "på", "til", "et", "den", "ikke", "en", "mange", "stor", "høj"],
    },
    Known {
        language: Language { code: "pl", name: "Polish" },
        asking: &[
            "co", "jak", "jaki", "jaka", "jakie", "kto", "kiedy", "gdzie", "dlaczego", "ile", "czy", "jest", "są",
            "był", "była",
        ],
        others: &["w", "z", "na", "i", "nie", "się", "dla", "od", "oraz", "przez", "za", "po", "do"],
    },
];

/// English words that are short words of other languages too, and so say nothing.
const SHARED: [&str; 19] = [
    "a", "am", "an", "as", "at", "be", "do", "has", "he", "her", "him", "in", "is", "me", "no", "on", "so", "was", "we",
];

/// Words behind which another language is counted by letters.
const WORDS_MIN: usize = 8;
/// Letters of a passage below which nothing is said of it.
const LETTERS_MIN: usize = 80;

/// The language of a question; `None` where it is not sure.
#[must_use]
pub fn of_question(text: &str) -> Option<Language> {
    let written: Vec<&str> =
        text.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric())).collect();
    let words: Vec<String> = written.iter().filter(|word| !word.is_empty()).map(|word| word.to_lowercase()).collect();
    let english = words.iter().filter(|word| is_stop_word(word) && !SHARED.contains(&word.as_str())).count();
    if let Some(language) = by_script(text, english > 0) {
        return Some(language);
    }
    let hits = |known: &Known| {
        let count = |list: &[&str]| words.iter().filter(|word| list.contains(&word.as_str())).count();
        (count(known.asking), count(known.others))
    };
    let best = KNOWN.iter().map(|known| (known, hits(known))).filter(|(_, (asking, _))| *asking > 0);
    // Of two as good, the one that asks with more.
    let best = best.max_by_key(|(_, (asking, others))| (asking + others, *asking));
    if let Some((known, (asking, others))) = best
        && asking + others >= 2
        && asking + others > 2 * english
    {
        return Some(known.language);
    }
    if english >= 2 {
        return Some(ENGLISH);
    }
    // Names are in languages of their own.
    let plain: Vec<&str> = written.into_iter().filter(|word| word.starts_with(char::is_lowercase)).collect();
    if english > 0 || plain.len() < WORDS_MIN {
        return None;
    }
    let found = whatlang::detect(&plain.join(" ")).filter(|found| found.is_reliable() && found.confidence() > 0.95);
    found.map(|found| language(found.lang()))
}

/// The language of a passage; `None` where it is not sure, as in a table.
#[must_use]
pub fn of_passage(text: &str) -> Option<Language> {
    if text.chars().filter(|c| c.is_alphabetic()).count() < LETTERS_MIN {
        return by_script(text, false);
    }
    let words: Vec<String> =
        text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let english = words.iter().filter(|word| is_stop_word(word) && !SHARED.contains(&word.as_str())).count();
    if english * 8 >= words.len() {
        return Some(ENGLISH);
    }
    // A list of names is in no language.
    let is_prose = |word: &&str| word.starts_with(|c: char| c.is_lowercase() || c as u32 >= 0x250);
    let written: Vec<&str> = text.split_whitespace().filter(|word| word.starts_with(char::is_alphabetic)).collect();
    if written.iter().filter(|word| is_prose(word)).count() * 5 < written.len() * 2 {
        return None;
    }
    // One word of twenty may be one of another language, or a name.
    let found = whatlang::detect(text).filter(|found| found.is_reliable() && found.confidence() > 0.9);
    found.filter(|found| found.lang() == Lang::Eng || english * 20 <= words.len()).map(|found| language(found.lang()))
}

/// The language of a text that is mostly in a script that English is not written in; never where it has English words beside names.
fn by_script(text: &str, has_english: bool) -> Option<Language> {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let latin = text.chars().filter(|c| c.is_alphabetic() && *c < '\u{250}').count();
    if has_english || letters < 2 || latin * 2 > letters {
        return None;
    }
    let found = whatlang::detect(text)?;
    // Which one of those that share a script takes more than a few words to tell, except where one is by far the likeliest.
    let name = match found.script() {
        Script::Latin => return None,
        Script::Cyrillic if !found.is_reliable() => Some("a language written in Cyrillic"),
        Script::Arabic if !found.is_reliable() => Some("a language written in Arabic script"),
        Script::Devanagari if !found.is_reliable() => Some("a language written in Devanagari"),
        Script::Hebrew if !found.is_reliable() => Some("a language written in Hebrew script"),
        _ => None,
    };
    let language = language(found.lang());
    Some(name.map_or(language, |name| Language { name, ..language }))
}

/// What the crate found, by its code and its name.
fn language(found: Lang) -> Language {
    let code = match found {
        Lang::Eng => "en",
        Lang::Deu => "de",
        Lang::Fra => "fr",
        Lang::Spa => "es",
        Lang::Ita => "it",
        Lang::Por => "pt",
        Lang::Nld => "nl",
        Lang::Swe => "sv",
        Lang::Dan => "da",
        Lang::Nob => "no",
        Lang::Fin => "fi",
        Lang::Pol => "pl",
        Lang::Ces => "cs",
        Lang::Slk => "sk",
        Lang::Slv => "sl",
        Lang::Hun => "hu",
        Lang::Ron => "ro",
        Lang::Bul => "bg",
        Lang::Ell => "el",
        Lang::Rus => "ru",
        Lang::Ukr => "uk",
        Lang::Bel => "be",
        Lang::Srp => "sr",
        Lang::Hrv => "hr",
        Lang::Tur => "tr",
        Lang::Ara => "ar",
        Lang::Heb => "he",
        Lang::Pes => "fa",
        Lang::Urd => "ur",
        Lang::Hin => "hi",
        Lang::Ben => "bn",
        Lang::Cmn => "zh",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Vie => "vi",
        Lang::Tha => "th",
        Lang::Ind => "id",
        Lang::Cat => "ca",
        Lang::Lit => "lt",
        Lang::Lav => "lv",
        Lang::Est => "et",
        other => other.code(),
    };
    let name = if found == Lang::Cmn { "Chinese" } else { found.eng_name() };
    Language { code, name }
}

/// A language's name by its code, as messages say it; the code itself where it is not known.
#[must_use]
pub fn name_of(code: &str) -> &str {
    Lang::all()
        .iter()
        .map(|lang| language(*lang))
        .find(|language| language.code == code)
        .map_or(code, |language| language.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The questions of the samples, and others with names that are not English.
    fn english_questions() -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for file in ["questions.jsonl", "questions-2.jsonl"] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora").join(file);
            for line in std::fs::read_to_string(path).unwrap().lines() {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                all.push(value["question"].as_str().unwrap().to_owned());
            }
        }
        let others = "Who is Jürgen Müller?\nWhat is the EBITDA of Société Générale?\nEBITDA margin 2024\nDividend per share?\nnet debt\n\
            Crédit Agricole CIB revolving facility\nBanco de la Nación dividend 2023\nCapex Volkswagen Financial Services AG\n\
            Is Rue des Lilas sold?\nWho leads Banca Monte dei Paschi di Siena?\nDoes Van der Berg own El Corte Inglés?\nleverage covenant\n\
            Total assets at 31 December 2024\nrevenue Lufthansa Q3\nWhy did Telefónica de España sell?\nWas Die Welt acquired?\n\
            Is La Poste in debt?\nList covenants breached\nWhat is 王伟's bonus?\nWho is Дмитрий Менделеев?\nAre we in default?\n\
            how hoch is it\nCompany car?\nHerr Weber's salary\nWhat does Wer GmbH pay?\nIs Est AG solvent?\nMr. Co and Mrs. Er\n\
            Hoe & Sons revenue\nName the auditors of Société du Louvre et du Palais\nTerm loan B margin step-down\nSONIA plus?\n\
            interest rate swap notional\nPays de la Loire bond issue 2022 coupon\nCosta Coffee stores opened\nvar at risk\n\
            Le Figaro et Les Echos circulation\nThe son of Mr. Das\nUn Women grant\nSigned on behalf of De Nederlandsche Bank?\n\
            per diem rate\npro rata share of La Banque Postale\nad hoc fee\nNordea Bank Abp tier 1 ratio\n";
        all.extend(others.lines().map(str::to_owned));
        all
    }

    #[test]
    fn no_english_question_is_taken_for_another() {
        let questions = english_questions();
        assert!(questions.len() > 200);
        for question in questions {
            let found = of_question(&question);
            assert!(found.is_none_or(|found| found == ENGLISH), "{question}: {found:?}");
        }
    }

    #[test]
    fn other_languages_are_told() {
        for (question, code) in [
            ("Wie hoch ist die Zinsmarge des Kredits?", "de"),
            ("Welche Kennzahlen muss Fennick einhalten und wann werden sie geprüft?", "de"),
            ("Wer ist der Geschäftsführer?", "de"),
            ("Wie hoch war das EBITDA der Term Loan Facility of Orion?", "de"),
            ("Quelle est la marge du prêt ?", "fr"),
            ("Qui est le directeur financier de Fennick ?", "fr"),
            ("Combien de salariés a le groupe et où sont-ils ?", "fr"),
            ("¿Cuál es el margen del préstamo?", "es"),
            ("Qual è il margine del prestito?", "it"),
            ("Qual é a margem do empréstimo e quando foi assinado?", "pt"),
            ("Wat is de marge van de lening en wanneer is het getekend?", "nl"),
            ("Vad är marginalen på lånet?", "sv"),
            ("Hvad er marginen på lånet?", "da"),
            ("Jaka jest marża kredytu?", "pl"),
            ("贷款的利率是多少？", "zh"),
            ("ローンの金利はいくらですか。", "ja"),
            ("대출 금리는 얼마입니까?", "ko"),
            ("Какова процентная ставка по кредиту и когда он был подписан?", "ru"),
            ("Ποιο είναι το επιτόκιο του δανείου;", "el"),
        ] {
            assert_eq!(of_question(question).map(|found| found.code), Some(code), "{question}");
        }
        assert_eq!(of_question("Какая ставка?").map(|found| found.code.len()), Some(2));
    }

    #[test]
    fn passages_are_told_and_tables_are_not() {
        let german = "Die Zinsmarge beträgt 2,5 Prozent über dem Referenzzinssatz und wird vierteljährlich angepasst, sobald der \
                      Verschuldungsgrad die vereinbarte Grenze überschreitet.";
        let english = "The margin is 2.5 per cent. over the reference rate, and is adjusted each quarter once leverage exceeds the limit \
                       that Société Générale and Crédit Agricole have agreed.";
        assert_eq!(of_passage(german).map(|found| found.code), Some("de"));
        assert_eq!(of_passage(english), Some(ENGLISH));
        assert_eq!(of_passage("Revenue | 31.8 | 29.9\nEBITDA | 6.1 | 5.9"), None);
        assert_eq!(of_passage("利润率为每年百分之二点五，按季度调整。").map(|found| found.code), Some("zh"));
        let names = "Jürgen Müller, Anneliese Großmann, Société Générale, Crédit Agricole, Banco Santander, Deutsche Börse, Münchener Rück";
        assert!(of_passage(names).is_none_or(|found| found == ENGLISH), "{:?}", of_passage(names));
    }

    #[test]
    fn a_code_has_a_name() {
        assert_eq!((name_of("en"), name_of("de"), name_of("xx")), ("English", "German", "xx"));
    }
}
