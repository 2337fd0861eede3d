use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::*;
use crate::access::{Permission, Role};
use crate::detect::Kind;

type Words = BTreeMap<String, String>;

/// A dictionary: `export default`, and an object of texts.
fn dictionary(name: &str) -> Words {
    let (_, object) = text(name).split_once("export default").unwrap();
    serde_json::from_str(object.trim().trim_end_matches(';')).unwrap()
}

fn text(name: &str) -> &'static str {
    ASSETS.iter().find(|asset| asset.name == name).unwrap().text
}

fn scripts() -> impl Iterator<Item = &'static Asset> {
    let is_code = |asset: &&Asset| asset.kind == SCRIPT && !asset.name.starts_with("words_");
    ASSETS.iter().filter(is_code)
}

fn all(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    pattern
        .captures_iter(text)
        .map(|found| found[1].to_owned())
        .collect()
}

#[test]
fn both_languages_say_the_same_things() {
    let (english, korean) = (dictionary("words_en.js"), dictionary("words_ko.js"));
    let keys = |words: &Words| words.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&english), keys(&korean));
    for (key, words) in &english {
        assert!(
            !words.trim().is_empty() && !korean[key].trim().is_empty(),
            "{key}"
        );
        // What is filled in is the same, though it may stand elsewhere.
        assert_eq!(
            all(r"\{(\w+)\}", words),
            all(r"\{(\w+)\}", &korean[key]),
            "{key}"
        );
    }
}

#[test]
fn words_that_pages_use_are_in_the_dictionary() {
    let words = dictionary("words_en.js");
    for asset in scripts() {
        for key in all(r#"\bt\("([a-z_.]+)""#, asset.text) {
            assert!(words.contains_key(&key), "{}: {key}", asset.name);
        }
    }
    let is_there = |prefix: &str, name: &str| {
        assert!(
            words.contains_key(&format!("{prefix}.{name}")),
            "{prefix}.{name}"
        )
    };
    for kind in Kind::ALL {
        is_there("kind", kind.name());
    }
    for role in Role::ALL {
        is_there("role", &role.to_string());
    }
    let codes = include_str!("../problem.rs")
        .split_once("fn status")
        .unwrap()
        .0;
    let variants = all(r"(?m)^    ([A-Z]\w+),$", codes);
    assert!(variants.len() > 15, "{variants:?}");
    let hump = Regex::new("([a-z])([A-Z])").unwrap();
    for code in variants {
        let snake = hump.replace_all(&code, "${1}_$2");
        is_there("problem", &snake.to_lowercase());
    }
}

#[test]
fn pages_ask_for_permissions_that_there_are() {
    for asset in scripts() {
        for name in all(r#"\bmay\("([a-z_]+)"\)"#, asset.text) {
            assert!(name.parse::<Permission>().is_ok(), "{}: {name}", asset.name);
        }
    }
}

#[test]
fn every_file_is_served_and_every_import_is_a_file() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/pages");
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if ![".html", ".rs"].iter().any(|ending| name.ends_with(ending)) {
            there.insert(name);
        }
    }
    let served: BTreeSet<String> = ASSETS.iter().map(|asset| asset.name.to_owned()).collect();
    assert_eq!(there, served);
    for asset in scripts() {
        for name in all(r#"(?:from|new URL\()\s*"\./([^"]+)""#, asset.text) {
            assert!(served.contains(&name), "{} imports {name}", asset.name);
        }
        assert!(
            asset.text.starts_with("// "),
            "{} says not what it is for",
            asset.name
        );
    }
    for page in [DASHBOARD, AGENT] {
        let names = all(r#"/assets/@version@/([^"]+)""#, page);
        assert!(names.len() == 3 && names.is_subset(&served), "{names:?}");
    }
}

/// Text becomes no markup and no code: the ways in which it could are not there.
#[test]
fn nothing_makes_markup_of_text() {
    let ways = Regex::new(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc|createContextualFragment|DOMParser|setAttribute\(.style",
    );
    let ways = ways.unwrap();
    for asset in scripts() {
        assert!(!ways.is_match(asset.text), "{}", asset.name);
        // And from no other address.
        assert!(
            !asset.text.contains("https://") && !asset.text.contains("http://www.w3.org/1999"),
            "{}",
            asset.name
        );
    }
    let handler = Regex::new(r"\son\w+=").unwrap();
    for page in [DASHBOARD, AGENT] {
        assert!(!page.contains("style=") && !page.contains("<style") && !handler.is_match(page));
        assert_eq!(
            page.matches("<script").count(),
            page.matches("\"></script>").count()
        );
    }
}

#[test]
fn who_may_frame_the_agents_view_is_said() {
    assert!(policy(&[]).contains("frame-ancestors 'none';"));
    let crm = [
        "https://crm.example".to_owned(),
        "https://desk.example:8443".to_owned(),
    ];
    assert!(
        policy(&crm).contains("frame-ancestors https://crm.example https://desk.example:8443;")
    );
    assert!(!policy(&crm).contains("unsafe"));
}
