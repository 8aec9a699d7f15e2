//! MessagePack that takes much memory for its length, and lengths of what is not there.

use celery_protocol::{MAX_DEPTH, serializer::Serializer};

use crate::{COUNT, Case, alone, check};

/// What each byte read may take.
const MULTIPLE: usize = 96;

/// What maps in one another have room for before their entries are seen, in bytes: see the decoder's `ROOM`.
const ROOM: usize = MAX_DEPTH * 1024;

/// A list of `COUNT` elements of these bytes.
fn list(element: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xdd];
    bytes.extend_from_slice(&u32::try_from(COUNT).unwrap().to_be_bytes());
    bytes.extend(element.repeat(COUNT));
    bytes
}

fn map() -> Vec<u8> {
    let mut bytes = vec![0xdf];
    bytes.extend_from_slice(&u32::try_from(COUNT).unwrap().to_be_bytes());
    for key in 0..COUNT {
        bytes.push(0xa3);
        bytes.extend(format!("{key:03x}").bytes().take(3));
        bytes.push(0xc0);
    }
    bytes
}

#[test]
fn values() {
    let _alone = alone();
    let nested = [[0x91].repeat(MAX_DEPTH - 2), vec![0xc0]].concat();
    let lists = [vec![0xdc, 0, 64], nested.repeat(64)].concat();
    let seventeen = [&[0xdc_u8, 0, 17][..], &[0xc0; 17]].concat();
    let inputs: [(&str, Vec<u8>); 12] = [
        ("nils", list(&[0xc0])),
        ("empty lists", list(&[0x90])),
        ("lists of one", list(&[0x91, 0xc0])),
        ("lists of seventeen", list(&seventeen)),
        ("empty maps", list(&[0x80])),
        ("maps of one", list(&[0x81, 0xa0, 0xc0])),
        ("empty strings", list(&[0xa0])),
        ("extensions", list(&[0xd4, 0, 0])),
        ("long lines of lists", lists),
        ("many keys", map()),
        ("one key", [vec![0xde, 0x40, 0], [0xa0, 0xc0].repeat(0x4000)].concat()),
        ("a long string", [vec![0xdb, 0, 1, 0, 0], vec![b'x'; 1 << 16]].concat()),
    ];
    let case = |(input, bytes)| Case { decoder: "msgpack", input, bytes };
    check(inputs.into_iter().map(case).collect(), MULTIPLE, 0, |bytes| {
        Serializer::Msgpack.decode(bytes).unwrap()
    });
}

#[test]
fn lengths_of_what_is_not_there() {
    let _alone = alone();
    let huge = |first: u8| [vec![first], vec![0xff; 4], vec![0; 64]].concat();
    let lines = |first: &[u8]| [first.repeat(MAX_DEPTH), vec![0xc0; COUNT]].concat();
    let inputs = [
        ("a list", huge(0xdd)),
        ("a map", huge(0xdf)),
        ("a string", huge(0xdb)),
        ("bytes", huge(0xc6)),
        ("an extension", huge(0xc9)),
        ("lists in lists", lines(&[0xdc, 0x30, 0])),
        ("maps in maps", lines(&[0x8f])),
        ("maps in maps of many", lines(&[0xde, 0x10, 0])),
    ];
    let case = |(input, bytes)| Case { decoder: "msgpack", input, bytes };
    check(inputs.into_iter().map(case).collect(), MULTIPLE, ROOM, |bytes| {
        Serializer::Msgpack.decode(bytes).unwrap_err()
    });
}
