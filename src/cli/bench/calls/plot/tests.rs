use super::*;
use crate::cli::bench::machine::Machine;

fn step(calls: usize, slack: Option<f64>, cpu: f64, clean: bool) -> Step {
    Step {
        calls,
        clean,
        slack_p50_s: slack.map(|seconds| seconds + 1.0),
        slack_p99_s: slack,
        cpu_per_call: cpu,
        ..Step::default()
    }
}

fn findings(steps: Vec<Step>) -> Findings {
    Findings {
        machine: Machine {
            cpu: "A <fast> processor".into(),
            cores: 2,
        },
        version: "1.2.3",
        model_sha256: String::new(),
        hold_s: 6.0,
        workers: 2,
        seconds: 60.0,
        begin_over_s: 15.0,
        labelled_calls: 12,
        steps,
        capacity: 8,
        limit_found: true,
    }
}

#[test]
fn the_picture_is_xml_with_a_point_for_each_figure() {
    let steps = vec![
        step(16, Some(-2.5), 0.21, false),
        step(1, Some(3.9), 0.18, true),
        step(8, Some(2.0), 0.19, true),
        step(2, None, 0.18, true),
    ];
    let text = picture(&findings(steps)).unwrap();
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..roxmltree::ParsingOptions::default()
    };
    let document = roxmltree::Document::parse_with_options(&text, options).unwrap();
    let count = |name: &str| {
        document
            .descendants()
            .filter(|node| node.has_tag_name(name))
            .count()
    };
    assert!(text.contains("A &lt;fast&gt; processor"), "{text}");
    // Each is filled and has a rim: 3 + 3 of slack, 4 of the processor.
    let named = |node: &roxmltree::Node<'_, '_>| node.tag_name().name() == "circle";
    assert_eq!(document.descendants().filter(named).count(), 20);
    assert_eq!(count("image"), 0);
}

#[test]
fn nothing_tried_is_an_empty_picture() {
    assert!(picture(&findings(Vec::new())).unwrap().contains("<svg"));
}

#[test]
fn a_place_that_cannot_be_written_is_told_before() {
    let folder = tempfile::tempdir().unwrap();
    assert!(check(&folder.path().join("calls.svg")).is_ok());
    let wrong = check(&folder.path().join("calls.png")).unwrap_err();
    assert!(wrong.to_string().contains(".svg"), "{wrong}");
    let missing = check(&folder.path().join("no/calls.svg")).unwrap_err();
    assert!(
        missing.to_string().contains("cannot be written"),
        "{missing}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
