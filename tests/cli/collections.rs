//! Collections: indexes side by side below one data folder.

use crate::support::{Home, write};

#[test]
fn a_collection_is_an_index_of_its_own() {
    let home = Home::new();
    let folder = home.folder.path();
    write(folder, "a/rent.txt", b"The rent of the mill is 900 crowns a year.");
    write(folder, "b/boat.txt", b"The boat was built of oak in 1911.");
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    assert_eq!(home.run(&["index", &path("a")]).code, 0);
    assert_eq!(home.run(&["index", "--collection", "ships", &path("b")]).code, 0);
    let found = |arguments: &[&str]| {
        let (code, hits) = home.json(&[&["search", "boat of oak"], arguments].concat());
        assert_eq!(code, 0);
        hits["hits"].as_array().unwrap().iter().any(|hit| hit["path"].as_str().unwrap().ends_with("boat.txt"))
    };
    assert!(!found(&[]) && found(&["--collection", "ships"]));
    let outcome = home.run(&["search", "boat", "--collection", "../ships"]);
    assert!(outcome.code == 2 && outcome.stderr.contains("cannot be called"), "{}", outcome.stderr);
    let outcome = home.run(&["search", "boat", "--collection", "trains"]);
    assert!(outcome.code == 2 && outcome.stderr.contains("ibid index --collection trains PATH"), "{}", outcome.stderr);
}
