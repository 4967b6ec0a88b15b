//! A question for a figure to whether it says something that a figure as it stands leaves out: an exception, a sum of two lines, a formula in
//! words that is not understood, money that goes the other way. Such a question is not answered rather than answered half.

use super::question::Operation;
use crate::lexicon::{Lexicon, Line};

/// Words by which something is taken out, denied or held against something else, where no expression of the lexicon has them.
const EXCEPT: &[&str] = &[
    "not",
    "nor",
    "without",
    "apart",
    "except",
    "excluding",
    "besides",
    "beside",
    "aside",
    "outside",
    "excluded",
    "above",
    "beyond",
    "than",
];
/// Words that put figures together.
const TOGETHER: &[&str] = &["together", "combined", "jointly"];
/// Words of labels for money that comes in and that goes out, in a statement of cash.
const COMES_IN: &[&str] = &["maturities", "proceeds", "sales", "issuance", "collections"];
const GOES_OUT: &[&str] =
    &["purchases", "payments", "acquisition", "acquisitions", "repayments", "repayment", "repurchases"];
/// Words of a question for money that goes out and that comes in.
const SPENDS: &[&str] = &[
    "spend", "spent", "spending", "pay", "paid", "paying", "buy", "bought", "buying", "invest", "invested", "repay",
    "repaid",
];
const RECEIVES: &[&str] =
    &["receive", "received", "raise", "raised", "proceeds", "collect", "collected", "sell", "sold", "selling"];

/// Whether `topic`, the folded words of a question without its times and names, denies or takes out something of which the lexicon knows no
/// expression.
pub(super) fn takes_out(topic: &[String], lexicon: &Lexicon) -> bool {
    lexicon.left_over(topic).iter().any(|word| EXCEPT.contains(&word.as_str()))
}

/// Whether the words ask for several figures as one, which a single figure does not answer.
pub(super) fn puts_together(words: &[String], lines: &[Line]) -> bool {
    let and = words.iter().any(|word| word == "and" || word == "plus");
    words.iter().any(|word| TOGETHER.contains(&word.as_str())) && (and || lines.len() > 1)
}

/// Whether the words compute: "accounts payable over cost of sales, times 91 days".
pub(super) fn computes(words: &[String], operation: &Operation) -> bool {
    let at = |wanted: &str| words.iter().position(|word| word == wanted);
    let times_number = at("time")
        .is_some_and(|at| words.get(at + 1).is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit())));
    !matches!(operation, Operation::Formula(_)) && (times_number || at("divided").is_some())
}

/// Whether a row whose label is `label` moves money the other way than the question does.
pub(super) fn is_turned(words: &[String], label: &str) -> bool {
    let label = label.to_lowercase();
    let of_label = |list: &[&str]| label.split(|c: char| !c.is_alphabetic()).any(|word| list.contains(&word));
    let of_question = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let (in_, out) = (of_label(COMES_IN), of_label(GOES_OUT));
    let (spends, receives) = (of_question(SPENDS), of_question(RECEIVES));
    in_ != out && spends != receives && (in_ && spends || out && receives)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::folded;

    #[test]
    fn what_a_single_figure_leaves_out_is_noticed() {
        let lexicon = Lexicon::shipped();
        for text in [
            "what did it owe in the near term apart from supplier bills",
            "which costs were not paid in cash except rent",
            "how much was put in above the nominal value of its stock",
            "how much more did it spend on staff than in the quarter before",
        ] {
            assert!(takes_out(&folded(text), &lexicon), "{text}");
        }
        for text in [
            "how much had it borrowed that did not have to be paid back within a year",
            "what had shoppers not yet paid",
            "profit before tax",
        ] {
            assert!(!takes_out(&folded(text), &lexicon), "{text}");
        }
        assert!(puts_together(&folded("research and marketing together"), &[]));
        assert!(computes(&folded("payables over the cost of sales times 91 days"), &Operation::Value));
    }

    #[test]
    fn money_that_goes_out_is_not_found_where_it_comes_in() {
        let spent = folded("how much did it spend on securities that soon fall due");
        assert!(is_turned(&spent, "Maturities and sales of short-term investments"));
        assert!(!is_turned(&spent, "Purchases of short-term investments"));
        assert!(is_turned(
            &folded("how much did it receive from selling securities"),
            "Purchases of marketable securities"
        ));
        assert!(!is_turned(&folded("what did it pay for goods it sold"), "Cost of sales"));
    }
}
