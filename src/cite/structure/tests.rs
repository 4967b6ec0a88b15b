//! Claims against short evidence: which differences are found, and none where there is none.

use super::*;

const MEMO: &str = "The lease of the north hall costs £38,400 a year and the lease of the south hall costs £61,900 a year. Ashby Freight \
    delivers coal to Penrose Mill. Nora Vance reports to Eli Strand. The committee accepted the tender on 9 June 2025 and rejected the appeal. \
    The operator must not enter the pit before the pump is stopped. Turnover was 31.6 million euros and net debt was 88.2 million euros. \
    The levy is 2.5 per cent of the price. Repairs take eight working days. The rebate applies to orders over 300 crates. The small press \
    exerts 14 tonnes and the large press exerts 22 tonnes. Output rose from 2.2 million litres in 2023 to 2.9 million litres in 2024. \
    Agency staff are not entitled to sick pay. The notice period is three months after the trial period and two weeks during the trial period. \
    The rent of Hall A is £12,000 and the rent of Hall B is £18,500. The panel met on 4 March 2026 and approved the accounts. \
    According to the union, the plant will close. The deposit is refunded if the keys are returned. The fee was raised from £40 to £55.";

const TABLE: &str = "Prices by part\n\nPart | Stock | Price\nK-210 | 14 | 117\nK-310 | 52 | 263\nK-410 | 7 | 88";

fn kinds(claim: &str, evidence: &str) -> Vec<&'static str> {
    let evidence = Evidence::new(&[evidence]);
    let claim = Text::new(claim);
    let near = evidence.shortlist(&claim, 8);
    Structure::measure(&claim, &evidence, &near).reasons.iter().map(|reason| reason.kind.name()).collect()
}

#[test]
fn what_is_true_has_no_reason_against_it() {
    for claim in [
        "The lease of the south hall costs £61,900 a year.",
        "Coal is delivered to Penrose Mill by Ashby Freight.",
        "Nora Vance reports to Eli Strand.",
        "The committee accepted the tender on 2025-06-09.",
        "Turnover was €31.6 million.",
        "Hall B costs more rent than Hall A.",
        "In 2024 output was 2.9 million litres.",
        "The large press exerts more than the small press.",
        "The notice period during the trial period is two weeks.",
        "The notice period during the trial period is 14 days.",
        "Agency staff are not entitled to sick pay.",
        "The deposit is refunded if the keys are returned.",
    ] {
        assert_eq!(kinds(claim, MEMO), Vec::<&str>::new(), "{claim}");
    }
    for claim in ["The price of K-310 is 263.", "K-410 has a stock of 7."] {
        assert_eq!(kinds(claim, TABLE), Vec::<&str>::new(), "{claim}");
    }
}

#[test]
fn each_difference_is_named() {
    for (claim, kind) in [
        ("The lease of the north hall costs £61,900 a year.", "holder"),
        ("The small press exerts 22 tonnes.", "holder"),
        ("Turnover was 88.2 million euros.", "holder"),
        ("In 2023 output was 2.9 million litres.", "holder"),
        ("The notice period during the trial period is three months.", "holder"),
        ("Turnover was $31.6 million.", "unit"),
        ("Repairs take eight weeks.", "unit"),
        ("The lease of the north hall costs £38,400 a month.", "unit"),
        ("Turnover was 31.6 thousand euros.", "number"),
        ("The levy is 25 per cent of the price.", "number"),
        ("The committee accepted the tender on 10 June 2025.", "period"),
        ("The rebate applies to orders under 300 crates.", "bound"),
        ("The large press exerts less than the small press.", "comparison"),
        ("The rent of Hall A is £18,500.", "holder"),
        ("The rent of Hall B is lower than that of Hall A.", "comparison"),
        ("The panel rejected the accounts.", "opposite"),
        ("Penrose Mill delivers coal to Ashby Freight.", "roles"),
        ("Eli Strand reports to Nora Vance.", "roles"),
        ("The committee rejected the tender on 9 June 2025.", "opposite"),
        ("The operator may enter the pit before the pump is stopped.", "modality"),
        ("Agency staff are entitled to sick pay.", "modality"),
        ("The operator must not enter the pit after the pump is stopped.", "order"),
        ("The deposit is refunded.", "condition"),
        ("The plant will close.", "source"),
        ("The fee is £40.", "superseded"),
    ] {
        let found = kinds(claim, MEMO);
        assert!(found.contains(&kind), "{claim}: {found:?}");
    }
    assert!(kinds("The price of K-210 is 263.", TABLE).contains(&"holder"));
}

#[test]
fn a_reason_quotes_both_sides() {
    let evidence = Evidence::new(&["Unused leave of up to five days may be carried over."]);
    let claim = Text::new("Unused leave of up to 26 days may be carried over.");
    let structure = Structure::measure(&claim, &evidence, &evidence.shortlist(&claim, 8));
    let reason = &structure.reasons[0];
    assert_eq!((reason.kind, reason.evidence.as_str()), (ReasonKind::Number, "up to five days"));
    assert_eq!(&claim.text[reason.claim[0]..reason.claim[1]], "up to 26 days");
    assert_eq!(reason.text, "the passage says “up to five days”, the claim “up to 26 days”");
}

#[test]
fn what_follows_by_arithmetic_is_not_missing() {
    let evidence = "Sales were €40 million in the north and €25 million in the south. The works ran from 3 May 2024 to 3 August 2024.";
    for claim in [
        "Sales in north and south together were €65 million.",
        "Sales in the north were €15 million higher than in the south.",
        "The works lasted three months.",
    ] {
        assert!(!kinds(claim, evidence).contains(&"number"), "{claim}: {:?}", kinds(claim, evidence));
    }
    assert!(kinds("Sales in north and south together were €75 million.", evidence).contains(&"number"));
}

#[test]
fn an_item_below_a_line_that_denies_it_is_not_borne_out() {
    let evidence = "The following statements are false:\n- The fee is waived.\n- The pump is new.\n\nMembers may cancel at any time.";
    assert_eq!(kinds("The fee is waived.", evidence), ["negation"]);
    assert!(denial_above(&Evidence::new(&[evidence]), 2).is_some());
    assert!(kinds("Members may cancel at any time.", evidence).is_empty());
}

#[test]
fn a_table_in_millions_says_millions() {
    use crate::cite::evidence::Passage;
    let text = "| 2023 | 2022\nNet sales | 81,797 | 82,959\nEarnings per share | 1.26 | 1.20";
    let evidence = Evidence::of(&[Passage { text, scale: 1e6 }]);
    let kinds = |claim: &str| {
        let claim = Text::new(claim);
        let near = evidence.shortlist(&claim, 8);
        Structure::measure(&claim, &evidence, &near).reasons.iter().map(|reason| reason.kind.name()).collect::<Vec<_>>()
    };
    for claim in [
        "Net sales in 2023 were $81,797 million.",
        "Net sales in 2023 were $81.8 billion.",
        "Net sales in 2023 were 81,797.",
        "Earnings per share in 2023 were $1.26.",
    ] {
        assert!(kinds(claim).is_empty(), "{claim}: {:?}", kinds(claim));
    }
    assert_eq!(kinds("Net sales in 2023 were $81,797."), ["unit"]);
    assert_eq!(kinds("Net sales in 2023 were $81,797 billion."), ["number"]);
}

#[test]
fn an_invented_name_whose_initials_are_a_common_word_is_told() {
    let evidence = "The audit ran as planned. The board of the Northern Water Company met on it.";
    assert_eq!(kinds("Ann Smith ran the audit.", evidence), ["name"]);
    assert!(!kinds("The Board of NWC met.", evidence).contains(&"name"));
}
