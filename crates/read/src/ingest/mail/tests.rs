//! Messages go in; the texts and members that must come out are written here.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn read(message: &str) -> Reading {
    read_bytes(message.as_bytes())
}

fn read_bytes(bytes: &[u8]) -> Reading {
    let read = read_eml(bytes, &MailSettings::default(), 512).expect("it has a header");
    read.document.check().expect("spans hold");
    read
}

const MIXED: &str = "From: =?utf-8?q?J=C3=BCrgen?= <j@x.de>\r\nTo: a@x.de, \"B, C\" <b@x.de>\r\nCc: Team: c@x.de, d@x.de;\r\n\
Date: Tue, 5 Mar 2024 14:30:00 +0100\r\nSubject: =?iso-8859-1?q?Pr=E9cis?=\r\n =?utf-8?b?IHZhbHVl?=\r\n\
Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n\
--in\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nCaf=E9 one.\r\n\r\n> quoted =\r\nreply\r\n\
--in\r\nContent-Type: text/html\r\n\r\n<p>Other <b>words</b></p>\r\n--in--\r\n\
--out\r\nContent-Type: application/pdf; name=\"../../etc/re\u{202e}port.pdf\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\nJVBERi0=\r\n\
--out\r\nContent-Type: message/rfc822\r\n\r\nFrom: z@x.de\r\nSubject: Inner/one\r\n\r\nHello.\r\n--out--\r\n";

#[test]
fn a_message_gives_header_lines_body_and_members() {
    let Reading { document, members, .. } = read(MIXED);
    let expected = "From: Jürgen <j@x.de>\nTo: a@x.de, B, C <b@x.de>\nCc: c@x.de, d@x.de\nDate: 2024-03-05 14:30 +01:00\n\
                    Subject: Précis value\nAttachments: report.pdf, Inner-one.eml\n\nCafé one.\n\n> quoted reply";
    assert_eq!(document.text, expected);
    assert_eq!(document.title.as_deref(), Some("Précis value"));
    assert_eq!(members[0], Member { name: "report.pdf".into(), bytes: b"%PDF-".to_vec() });
    let inner = read_eml(&members[1].bytes, &MailSettings::default(), 512).expect("a message");
    assert_eq!(inner.document.text, "From: z@x.de\nSubject: Inner/one\n\nHello.");
}

#[test]
fn html_is_read_where_there_is_no_other_text() {
    let message =
        read("Subject: x\nContent-Type: text/html; charset=utf-8\n\n<h1>Héad</h1><p>One &amp; two<script>x()</script>");
    assert_eq!(message.document.text, "Subject: x\n\nHéad\n\nOne & two");
    assert_eq!(message.document.blocks[1].kind, BlockKind::Heading { level: 1 });
}

#[test]
fn raw_bytes_in_headers_and_wrong_charsets_are_read() {
    let message = read_bytes(b"Subject: \xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0! \xca\xe0\xea \xe4\xe5\xeb\xe0\nContent-Type: text/plain; charset=us-ascii\n\nS\xc3\xbc\xc3\xb6\xc3\xa4\xc3\x9f.\n");
    assert_eq!(message.document.title.as_deref(), Some("Привет, мир! Как дела"));
    assert!(message.document.text.ends_with("Süöäß."), "{}", message.document.text);
}

#[test]
fn attachments_that_call_themselves_by_a_number_keep_their_names_apart() {
    let part = |name: &str| format!("--b\nContent-Disposition: attachment; filename={name}\n\nx\n");
    let parts = [part("3-a.txt"), part("a.txt"), part("a.txt"), part("a.txt")].concat();
    let read = read(&format!("Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n{parts}--b--\n"));
    let names: Vec<_> = read.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["3-a.txt", "a.txt", "4-a.txt", "5-a.txt"]);
}

#[test]
fn limits_are_told() {
    let small = MailSettings { attachment_bytes_max: 3, ..MailSettings::default() };
    let read = read_eml(MIXED.as_bytes(), &small, 512).expect("a message");
    assert_eq!(read.members.len(), 0);
    let told: Vec<_> = read.document.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert!(told[0].contains("2 attachments") && told[0].contains("read.mail.attachment_bytes_max = 3"), "{told:?}");
    let few = MailSettings { parts_max: 3, ..MailSettings::default() };
    let read = read_eml(MIXED.as_bytes(), &few, 512).expect("a message");
    assert!(read.document.warnings[0].message.contains("read.mail.parts_max = 3"));
    assert!(read_eml(b"", &small, 512).is_err());
}

#[test]
fn messages_inside_messages_do_not_exhaust_the_stack() {
    let deep = "Content-Type: message/rfc822\n\n".repeat(100_000);
    assert!(read(&deep).document.warnings.iter().any(|warning| warning.lossy));
    let mut nested = String::new();
    for level in 0..100_000 {
        let _ = write!(nested, "Content-Type: multipart/digest; boundary=b{level}\n\n--b{level}\n\n");
    }
    assert!(read(&nested).document.warnings.iter().any(|warning| warning.lossy));
}

#[test]
fn a_mailbox_lists_its_messages() {
    let mailbox = "From a@x Tue Mar  5 14:30:00 2024\nFrom: a@x\nDate: Tue, 5 Mar 2024 14:30:00 +0000\nSubject: One\n\nFrom here on.\n\n>From me\nFrom the start\n\n\
                   From here to there\n\nFrom b@x Wed Mar  6 09:00:00 2024\nFrom: b@x\nSubject: Two\n\nText\n";
    let settings = MailSettings::default();
    let (document, members) = (read_mbox(mailbox.as_bytes(), &settings), members(mailbox.as_bytes(), &settings));
    let members: Vec<Member> = members.collect();
    document.check().expect("spans hold");
    assert_eq!(document.text, "1 | 2024-03-05 14:30 +00:00 | a@x | One\n2 |  | b@x | Two");
    assert_eq!(
        members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>(),
        ["00001 One.eml", "00002 Two.eml"]
    );
    let first = read_bytes(&members[0].bytes).document.text;
    assert!(first.ends_with("From here on.\n\nFrom me\nFrom the start\n\nFrom here to there"), "{first}");
}

#[test]
fn pictures_in_the_text_are_no_members() {
    let part = |headers: &str| format!("--b\nContent-Type: image/png; name=a.png\n{headers}\nx\n");
    let parts = [
        part("Content-ID: <1>\n"),
        part("Content-Disposition: inline\n"),
        part("Content-ID: <2>\nContent-Disposition: attachment; filename=kept.png\n"),
        part(""),
    ];
    let message = format!(
        "Date: Tue, 5 Mar 2024 14:30:00 -0500\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nText\n{}--b--\n",
        parts.concat()
    );
    let Reading { document, members, .. } = read(&message);
    let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["kept.png", "a.png"]);
    assert_eq!(document.dates.created.as_deref(), Some("2024-03-05T14:30:00-05:00"));
}

#[test]
fn names_are_plain() {
    let kind = Some(("text", "html"));
    for (name, plain) in [
        ("C:\\Users\\a.doc", "a.doc"),
        ("..", "attachment-1.html"),
        ("/", "attachment-1.html"),
        ("a\u{1b}[31m\n b.txt ", "a[31m b.txt"),
        ("..hidden", "hidden"),
    ] {
        assert_eq!(names::of_member(name, kind, 1), plain);
    }
    assert!(names::of_member(&"x".repeat(999), None, 1).len() <= 140);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(512)))]

    #[test]
    fn any_message_gives_a_checked_document(
        pieces in prop::collection::vec(prop_oneof![
            8 => prop::sample::select(vec![
                "From: a@b\n", "To: (x\n", "Subject: =?utf-8?b?", "=?x?q?=?=", "Date: 99 Foo 1\n", "\n", "\r\n", "\n\n", "--a\n", "--a--\n",
                "--b", "Content-Type: multipart/mixed; boundary=a\n", "Content-Type: multipart/alternative; boundary=\"b\"\n",
                "Content-Type: message/rfc822\n", "Content-Type: multipart/digest; boundary=a\n", "Content-Type: text/html\n",
                "Content-Transfer-Encoding: base64\n", "Content-Transfer-Encoding: quoted-printable\n", "Content-Disposition: attachment\n",
                "Content-Type: text/plain; name*0*=utf-8''%; charset=utf-7\n", "=E9=\n", "JVBERi0=", "<p>", "From x 12:34\n", ">From ", " ", "é",
                "Content-Type: multipart/x; boundary=\n", "Content-Type: message/global; charset=x\n", "\0", ";", "--",
            ]).prop_map(|piece| piece.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..8),
        ], 0..60)
    ) {
        let bytes = pieces.concat();
        if let Ok(read) = read_eml(&bytes, &MailSettings::default(), 512) {
            read.document.check().expect("spans hold");
        }
        read_mbox(&bytes, &MailSettings::default()).check().expect("spans hold");
        members(&bytes, &MailSettings::default()).for_each(|member| assert!(!member.name.is_empty()));
    }
}
