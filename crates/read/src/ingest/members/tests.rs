//! Files with files inside go in; the parts that must come out are written here.

use proptest::prelude::*;

use super::*;
use crate::ingest::archive::tests::{gzipped, tar_entry, tarred, zipped};

/// The parts as lines: name, status or text.
fn parts_of(name: &str, bytes: &[u8], settings: &ReadSettings, only: Option<&str>) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    read_parts(Path::new(name), bytes, settings, only, &mut |part| {
        let what = match &part.outcome {
            Outcome::Folder => "folder".to_owned(),
            Outcome::Failed { status, .. } => status.name().to_owned(),
            Outcome::Document(document) => {
                document.check().expect("spans hold");
                format!("{:?}", document.text)
            }
        };
        lines.push(format!("{} {what}", part.name).trim_start().to_owned());
        Ok(())
    })?;
    Ok(lines)
}

fn parts(name: &str, bytes: &[u8]) -> Vec<String> {
    parts_of(name, bytes, &ReadSettings::default(), None).unwrap()
}

fn refused(name: &str, bytes: &[u8], settings: &ReadSettings) -> (FileStatus, String) {
    let mut count = 0;
    let read = read_all(Path::new(name), bytes, settings, &mut |_| {
        count += 1;
        Ok(())
    });
    assert_eq!(count, 0, "nothing of a refused file is read");
    match read {
        Err(Error::Document { status, reason, .. }) => (status, reason),
        other => panic!("not refused: {other:?}"),
    }
}

fn mail(inner: &[u8]) -> Vec<u8> {
    let head = b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nHello\n--b\nContent-Type: application/octet-stream\n\
        Content-Disposition: attachment; filename=a.zip\nContent-Transfer-Encoding: base64\n\n";
    [head, base64(inner).as_bytes(), b"\n--b--\n"].concat()
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let each = |three: &[u8]| {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        let sign =
            |at: usize| if at <= three.len() { char::from(SIGNS[(bits >> (18 - 6 * at)) as usize & 63]) } else { '=' };
        [sign(0), sign(1), sign(2), sign(3)]
    };
    bytes.chunks(3).flat_map(each).collect()
}

#[test]
fn members_come_after_what_holds_them_in_order() {
    let tar = tarred(&[("./b/two.md", b"# Two"), (".hidden", b"x"), ("b/two.md", b"again")]);
    let zip = zipped(&[
        ("z.txt", b"last letter"),
        ("d/", b""),
        ("d/inner.tgz", &gzipped(&tar)),
        ("__MACOSX/d/._x", b"\0"),
        ("image.png", b"\x89PNG\r\n\x1a\n"),
        ("notes.txt.gz", &gzipped(b"packed")),
    ]);
    let expected = [
        "folder",
        "z.txt \"last letter\"",
        "d/inner.tgz folder",
        "d/inner.tgz/b/two.md \"Two\"",
        "d/inner.tgz/b/2-two.md \"again\"",
        "image.png unsupported",
        "notes.txt.gz folder",
        "notes.txt.gz/notes.txt \"packed\"",
    ];
    assert_eq!(parts("a.zip", &zip), expected);
    let only = |name: &str| parts_of("a.zip", &zip, &ReadSettings::default(), Some(name)).unwrap();
    assert_eq!(only(""), ["folder"]);
    assert_eq!(only("d/inner.tgz/b/two.md"), ["d/inner.tgz/b/two.md \"Two\""]);
    assert_eq!(only("d/inner.tgz"), ["d/inner.tgz folder"]);
    assert!(only("d/inner").is_empty());
    let mut settings = ReadSettings::default();
    settings.members.hidden = true;
    assert!(parts_of("a.zip", &zip, &settings, None).unwrap().contains(&"d/inner.tgz/.hidden \"x\"".to_owned()));
}

#[test]
fn mail_and_mailboxes_hold_members() {
    let message = mail(&zipped(&[("a.txt", b"attached")]));
    let expected = ["\"Subject: x\\nAttachments: a.zip\\n\\nHello\"", "a.zip folder", "a.zip/a.txt \"attached\""];
    assert_eq!(parts("a.eml", &message), expected);
    let mailbox = [
        b"From a@b Tue Mar  5 14:30:00 2024\n",
        message.as_slice(),
        b"\nFrom a@b Tue Mar  5 14:31:00 2024\nSubject: y\n\nBye\n",
    ]
    .concat();
    let found = parts("a.mbox", &mailbox);
    let names: Vec<&str> = found.iter().map(|line| line.split(" \"").next().unwrap_or_default()).collect();
    assert_eq!(names[1..], ["00001 x.eml", "00001 x.eml/a.zip folder", "00001 x.eml/a.zip/a.txt", "00002 y.eml"]);
    let mut settings = ReadSettings::default();
    settings.members.members_max = 1;
    let mut warned = Vec::new();
    read_all(Path::new("a.mbox"), &mailbox, &settings, &mut |part| {
        if let Outcome::Document(document) = part.outcome {
            warned.extend(document.warnings);
        }
        Ok(())
    })
    .unwrap();
    assert!(warned[0].lossy && warned[0].message.contains("1 files inside it were left out"), "{warned:?}");
    let mut alone = Vec::new();
    read_parts(Path::new("a.mbox"), &mailbox, &settings, Some(""), &mut |part| {
        alone.push(part);
        Ok(())
    })
    .unwrap();
    assert!(
        matches!(&alone[..], [Part { outcome: Outcome::Document(document), .. }] if document.warnings == warned[..1])
    );
}

#[test]
fn what_leads_outside_is_denied_as_a_whole() {
    let settings = ReadSettings::default();
    for name in ["../a.txt", "/a.txt", "..\\..\\a.txt", "C:\\a.txt"] {
        for (path, bytes) in
            [("a.zip", zipped(&[("b.txt", b"b"), (name, b"a")])), ("a.tar", tarred(&[("b.txt", b"b"), (name, b"a")]))]
        {
            let (status, reason) = refused(path, &bytes, &settings);
            assert_eq!((status, reason.contains(name)), (FileStatus::Denied, true), "{reason}");
            assert_eq!(refused("o.zip", &zipped(&[("ok.txt", b"x"), ("in", &bytes)]), &settings).0, FileStatus::Denied);
        }
    }
    let link = |kind, target| [tarred(&[]), tar_entry("d/l", kind, target, b"")].concat()[1024..].to_vec();
    assert_eq!(refused("a.tar", &link(b'2', "../../x"), &settings).0, FileStatus::Denied);
    assert_eq!(refused("a.tar", &link(b'1', "../x"), &settings).0, FileStatus::Denied);
    assert_eq!(parts("a.tar", &link(b'2', "../x")), ["folder", "d/l denied"]);
}

#[test]
fn limits_refuse_the_whole_and_name_the_setting() {
    let mut deep = zipped(&[("a.txt", b"a")]);
    for _ in 0..3 {
        deep = zipped(&[("a.zip", &deep)]);
    }
    assert_eq!(parts("a.zip", &deep).last().unwrap(), "a.zip/a.zip/a.zip/a.txt \"a\"");
    let (status, reason) = refused("a.zip", &zipped(&[("a.zip", &deep)]), &ReadSettings::default());
    assert_eq!((status, reason.contains("read.members.depth_max = 4")), (FileStatus::LimitExceeded, true), "{reason}");
    let mut settings = ReadSettings::default();
    settings.members.members_max = 4;
    settings.members.bytes_max = 2000;
    settings.members.entries_max = 6;
    let many: Vec<String> = (0..7).map(|at| format!("{at}.txt")).collect();
    let files =
        |count: usize| zipped(&many[..count].iter().map(|name| (name.as_str(), b"x".as_slice())).collect::<Vec<_>>());
    assert!(refused("a.zip", &files(5), &settings).1.contains("read.members.members_max = 4"));
    assert!(refused("a.zip", &zipped(&[("0", b"x"), ("a.zip", &files(3))]), &settings).1.contains("members_max"));
    assert!(refused("a.zip", &files(7), &settings).1.contains("read.members.entries_max = 6"));
    let large = vec![b' '; 3000];
    for (name, bytes) in
        [("a.zip", zipped(&[("a", &large)])), ("a.gz", gzipped(&large)), ("a.tgz", gzipped(&tarred(&[("a", &large)])))]
    {
        assert!(refused(name, &bytes, &settings).1.contains("read.members.bytes_max = 2000"), "{name}");
    }
    // Inside a document it costs the archive alone.
    assert_eq!(parts_of("a.eml", &mail(&files(5)), &settings, None).unwrap()[1..], ["a.zip limit_exceeded"]);
}

#[test]
fn damage_costs_one_member() {
    let mut bytes = zipped(&[("a.txt", b"one one one one"), ("b.txt", b"two")]);
    let at = bytes.windows(5).position(|window| window == b"a.txt").unwrap() + 5;
    bytes[at + 2] ^= 0x55;
    assert_eq!(parts("a.zip", &bytes)[1..], ["a.txt malformed", "b.txt \"two\""]);
    let mut tar = tarred(&[("a.txt", b"one"), ("b.txt", b"two"), ("c.txt", b"three")]);
    tar[1024 + 3] ^= 1;
    assert_eq!(parts("a.tar", &tar)[1..], ["a.txt \"one\"", "damaged entry 2 malformed"]);
    let short = &tarred(&[("a.txt", b"one"), ("b.txt", &[b'x'; 5000])])[..3000];
    assert_eq!(parts("a.tar", short)[1..], ["a.txt \"one\"", "b.txt malformed", "damaged entry 3 malformed"]);
    let named = |name: &[u8]| [tar_entry("././@LongLink", b'L', "", name), tarred(&[("short.txt", b"x")])].concat();
    let long = [b'n'; 150];
    assert_eq!(parts("a.tar", &named(&long))[1], format!("{} \"x\"", "n".repeat(150)));
    let first = tar_entry("a.txt", b'0', "", b"a");
    let endless = gzipped(&[first, named(&vec![b'n'; 100_000])].concat());
    assert_eq!(parts("a.tgz", &endless)[1..], ["a.txt \"a\"", "damaged entry 2 malformed"]);
    let pax = tar_entry("x", b'x', "", b"17 path=\xc3\xa9/n.txt\n");
    assert_eq!(parts("a.tar", &[pax, tarred(&[("short.txt", b"x")])].concat())[1], "é/n.txt \"x\"");
    let packed = gzipped(&b"many words ".repeat(5000));
    assert_eq!(parts("a.gz", &packed[..packed.len() - 12])[1..], ["a malformed"]);
    let inner = zipped(&[("a.txt", b"x")]);
    assert_eq!(
        parts("o.zip", &zipped(&[("i.zip", &inner[..40]), ("b.txt", b"b")]))[1..],
        ["i.zip malformed", "b.txt \"b\""]
    );
}

#[test]
fn a_receiver_that_fails_ends_the_reading() {
    let mut count = 0;
    let read = read_all(
        Path::new("a.zip"),
        &zipped(&[("a.txt", b"a"), ("b.txt", b"b")]),
        &ReadSettings::default(),
        &mut |_| {
            count += 1;
            if count == 2 { Err(Error::document(FileStatus::Malformed, "full")) } else { Ok(()) }
        },
    );
    assert_eq!((read.unwrap_err().to_string().as_str(), count), ("full", 2));
}

proptest! {
    #[test]
    fn damaged_archives_give_parts_or_a_reason(at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), which in 0..3_usize) {
        let tar = tarred(&[("a/b.txt", b"text in a tar"), ("c.md", b"# more")]);
        let zip = zipped(&[("a.tar", &tar), ("b.txt", b"words"), ("c/d.csv", b"a,b\n1,2\n")]);
        let (name, mut bytes) = [("a.zip", zip.clone()), ("a.tar", tar), ("a.tgz", gzipped(&zip))][which].clone();
        for (index, value) in at {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        let mut names = HashSet::new();
        let read = read_all(Path::new(name), &bytes, &ReadSettings::default(), &mut |part| {
            if let Outcome::Document(document) = &part.outcome {
                document.check().expect("spans hold");
            }
            assert!(names.insert(part.name), "names are different");
            Ok(())
        });
        if let Err(error) = read {
            prop_assert!(matches!(error, Error::Document { .. }), "{error}");
        }
    }
}
