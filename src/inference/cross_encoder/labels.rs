//! A classifier's `config.json` in, which of its classes means that the evidence entails the claim out.

use serde_json::Value;

/// The name that the class has, without regard to case.
const ENTAILMENT: &str = "entailment";

/// The class of entailment among `classes`: `asked`, or the one that `config` gives that name.
///
/// # Errors
/// What is wrong and what to do, for a person.
pub(super) fn entailment(config: &Value, classes: usize, asked: Option<usize>) -> Result<usize, String> {
    if classes < 2 {
        return Err(format!("it has {classes} class; a check needs two or more, of which one is entailment"));
    }
    if let Some(index) = asked {
        return match index < classes {
            true => Ok(index),
            false => Err(format!("check.entailment is {index}, and it has {classes} classes, counted from 0")),
        };
    }
    let names = names(config, classes);
    if names.iter().all(Option::is_none) {
        return Err(format!(
            "it does not name its {classes} classes, so which one is entailment cannot be told; say so with check.entailment = INDEX \
             (counted from 0)"
        ));
    }
    let is_entailment =
        |name: &Option<String>| name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(ENTAILMENT));
    let found: Vec<usize> = (0..classes).filter(|class| is_entailment(&names[*class])).collect();
    if let [only] = found[..] {
        return Ok(only);
    }
    let told: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(class, name)| format!("{class} is `{}`", name.as_deref().unwrap_or_default()))
        .collect();
    Err(format!(
        "which of its classes is entailment cannot be told: {}; say so with check.entailment = INDEX",
        told.join(", ")
    ))
}

/// The names of the classes, by `id2label`, or by `label2id` where that is missing.
fn names(config: &Value, classes: usize) -> Vec<Option<String>> {
    let mut names = vec![None; classes];
    let by_id = config.get("id2label").and_then(Value::as_object).into_iter().flatten();
    let by_id = by_id.filter_map(|(id, label)| Some((id.parse::<usize>().ok()?, label.as_str()?.to_owned())));
    let by_label = config.get("label2id").and_then(Value::as_object).into_iter().flatten();
    let by_label = by_label.filter_map(|(label, id)| Some((usize::try_from(id.as_u64()?).ok()?, label.clone())));
    for (class, label) in by_label.chain(by_id) {
        // What the library writes for classes that nobody named.
        let is_name = label != class.to_string() && !label.eq_ignore_ascii_case(&format!("LABEL_{class}"));
        if let Some(place) = names.get_mut(class).filter(|_| is_name) {
            *place = Some(label);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_class_is_told_by_its_name_in_any_case() {
        let three = json!({"id2label": {"0": "CONTRADICTION", "1": "NEUTRAL", "2": "ENTAILMENT"}});
        assert_eq!(entailment(&three, 3, None), Ok(2));
        let two = json!({"label2id": {"entailment": 0, "not_entailment": 1}});
        assert_eq!(entailment(&two, 2, None), Ok(0));
        assert_eq!(entailment(&two, 2, Some(1)), Ok(1), "who knows better may say so");
    }

    #[test]
    fn what_cannot_be_told_says_what_settles_it() {
        for unnamed in [
            json!({}),
            json!({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}),
            json!({"id2label": {"0": "0", "1": "1"}}),
        ] {
            let error = entailment(&unnamed, 2, None).unwrap_err();
            assert!(
                error.contains("does not name its 2 classes") && error.contains("check.entailment = INDEX"),
                "{error}"
            );
            assert_eq!(entailment(&unnamed, 2, Some(1)), Ok(1));
        }
        let other = json!({"id2label": {"0": "positive", "1": "negative"}});
        let error = entailment(&other, 2, None).unwrap_err();
        assert!(error.contains("0 is `positive`, 1 is `negative`") && error.contains("check.entailment"), "{error}");
        let twice = json!({"id2label": {"0": "entailment", "1": "Entailment"}});
        assert!(entailment(&twice, 2, None).is_err());
        assert!(entailment(&other, 2, Some(2)).unwrap_err().contains("2 classes"));
        assert!(entailment(&other, 1, Some(0)).unwrap_err().contains("two or more"));
    }
}
