//! A run in which all is well, and everything that can be wrong with one, one thing at a time.

use super::*;

const PARENT: Shard = Shard(0);
const CHILD: Shard = Shard(1);

/// What the harness tells the truth.
#[derive(Clone, Copy, Debug)]
enum Told {
    Sent(Name),
    Refused(Name),
    Acknowledged(Name, Place),
    Begun(Shard, Option<Shard>),
    /// Reader, shard, record.
    Read(usize, Shard, Read),
    /// Reader, shard.
    AtTip(usize, Shard),
    Ended(usize, Shard),
    /// Reader, shard, records to be at.
    Rewound(usize, Shard, u64),
    Finished,
}

fn name(key: u16, counter: u64, attempt: u32) -> Name {
    Name { key: KeyId { producer: 0, key }, counter, attempt }
}

fn sequence(number: u64) -> Sequence {
    let text = format!("495903382714902566085596925383615710959215759891{number:08}");
    Sequence::parse(&text).expect("a number")
}

fn place(shard: Shard, number: u64) -> Place {
    Place { shard, sequence: sequence(number) }
}

fn read(name: Name, number: u64) -> Read {
    Read { name, sequence: sequence(number), arrival_ms: 1_000 + number as i64, bytes: 100 }
}

fn tell(told: &[Told]) -> Result<Figures, Problem> {
    let mut truth = Truth::default();
    let mut cursors = HashMap::<(usize, Shard), Cursor>::new();
    for told in told {
        match *told {
            Told::Sent(name) => truth.sent(name),
            Told::Refused(name) => truth.refused(name)?,
            Told::Acknowledged(name, place) => truth.acknowledged(name, place)?,
            Told::Begun(shard, parent) => truth.begun(shard, parent.as_slice()),
            Told::Read(reader, shard, read) => {
                truth.read(shard, cursors.entry((reader, shard)).or_default(), &read)?;
            }
            Told::AtTip(reader, shard) => {
                let cursor = cursors.entry((reader, shard)).or_default();
                let known = truth.end(shard);
                truth.at_tip(shard, *cursor, known)?;
            }
            Told::Ended(reader, shard) => {
                truth.ended(shard, *cursors.entry((reader, shard)).or_default())?;
            }
            Told::Rewound(reader, shard, count) => {
                cursors.insert((reader, shard), truth.rewound(shard, count).0);
            }
            Told::Finished => truth.finish()?,
        }
    }
    Ok(truth.figures())
}

/// Two keys in a shard that is closed, with an acknowledgement that comes late, one that never
/// comes, a refusal, and a second reader; then their records in the child.
fn sound() -> Vec<Told> {
    use Told::*;
    vec![
        Begun(PARENT, None),
        Sent(name(1, 0, 0)),
        Sent(name(2, 0, 0)),
        Acknowledged(name(1, 0, 0), place(PARENT, 10)),
        Acknowledged(name(2, 0, 0), place(PARENT, 11)),
        Read(0, PARENT, read(name(1, 0, 0), 10)),
        Read(0, PARENT, read(name(2, 0, 0), 11)),
        AtTip(0, PARENT),
        Sent(name(1, 1, 0)),
        Read(0, PARENT, read(name(1, 1, 0), 12)),
        Acknowledged(name(1, 1, 0), place(PARENT, 12)),
        Sent(name(2, 1, 0)),
        Read(0, PARENT, read(name(2, 1, 0), 13)),
        Sent(name(2, 1, 1)),
        Refused(name(2, 1, 1)),
        Sent(name(2, 1, 2)),
        Acknowledged(name(2, 1, 2), place(PARENT, 14)),
        Read(0, PARENT, read(name(2, 1, 2), 14)),
        Sent(name(1, 2, 0)),
        Sent(name(1, 2, 1)),
        Ended(0, PARENT),
        Begun(CHILD, Some(PARENT)),
        Acknowledged(name(1, 2, 1), place(CHILD, 20)),
        Read(1, PARENT, read(name(1, 0, 0), 10)),
        Read(1, PARENT, read(name(2, 0, 0), 11)),
        Read(1, PARENT, read(name(1, 1, 0), 12)),
        Read(1, PARENT, read(name(2, 1, 0), 13)),
        Read(1, PARENT, read(name(2, 1, 2), 14)),
        AtTip(1, PARENT),
        Read(0, CHILD, read(name(1, 2, 1), 20)),
        Sent(name(1, 3, 0)),
        Acknowledged(name(1, 3, 0), place(CHILD, 21)),
        Read(0, CHILD, read(name(1, 3, 0), 21)),
        Rewound(0, CHILD, 1),
        Read(0, CHILD, read(name(1, 3, 0), 21)),
        AtTip(0, CHILD),
        Finished,
    ]
}

/// Where a reader reads a record.
fn at(told: &[Told], reader: usize, record: Name) -> usize {
    let found = told.iter().position(
        |one| matches!(one, Told::Read(who, _, read) if (*who, read.name) == (reader, record)),
    );
    found.expect("it is read")
}

fn with_read(reader: usize, record: Name, change: impl Fn(&mut Read)) -> Result<Figures, Problem> {
    let mut told = sound();
    let place = at(&told, reader, record);
    let Told::Read(_, _, read) = &mut told[place] else { panic!("a read") };
    change(read);
    tell(&told)
}

fn without_read(reader: usize, record: Name) -> Result<Figures, Problem> {
    let mut told = sound();
    told.remove(at(&told, reader, record));
    tell(&told)
}

#[test]
fn a_sound_run_is_sound() {
    let wanted = Figures {
        acknowledged: 6,
        verified: 6,
        unacknowledged_present: 1,
        unacknowledged_absent: 1,
        refused: 1,
        read: 7,
        read_again: 6,
        bytes: 700,
        possible_duplicates: 0,
        twice: 0,
    };
    assert_eq!(tell(&sound()), Ok(wanted));
}

#[test]
fn a_lost_record_is_seen() {
    // By what comes after it, in the shard or in the key, by the shard's end, and at the end.
    for (record, place) in [
        (name(1, 0, 0), place(PARENT, 10)),
        (name(2, 0, 0), place(PARENT, 11)),
        (name(2, 1, 2), place(PARENT, 14)),
        (name(1, 2, 1), place(CHILD, 20)),
    ] {
        assert_eq!(without_read(0, record), Err(Problem::Lost { name: record, place }));
    }
    // Acknowledged after readers have passed its place.
    let record = name(1, 1, 0);
    let told = without_read(0, record);
    assert_eq!(told, Err(Problem::Lost { name: name(1, 1, 0), place: place(PARENT, 12) }));
    // Nothing comes after it.
    let last = name(1, 3, 0);
    let mut told = sound();
    told.retain(|one| !matches!(one, Told::Read(_, _, read) if read.name == last));
    assert_eq!(tell(&told), Err(Problem::Lost { name: last, place: place(CHILD, 21) }));
}

#[test]
fn a_record_acknowledged_behind_the_readers_is_seen() {
    let mut told = sound();
    let place_of_read = at(&told, 0, name(1, 1, 0));
    told.remove(place_of_read);
    // Its neighbour is read first, then the acknowledgement names a place below.
    let later = at(&told, 0, name(2, 1, 0));
    let acknowledged = told.remove(place_of_read);
    told.insert(later, acknowledged);
    let lost = Problem::Lost { name: name(1, 1, 0), place: place(PARENT, 12) };
    assert_eq!(tell(&told), Err(lost));
}

#[test]
fn a_record_in_another_place_is_seen() {
    let record = name(1, 1, 0);
    let moved = with_read(0, record, |read| read.sequence = sequence(112));
    let (acknowledged, found) = (place(PARENT, 12), place(PARENT, 112));
    assert_eq!(moved, Err(Problem::Misplaced { name: record, acknowledged, read: found }));
    // In its place is another.
    let record = name(2, 0, 0);
    let usurped = with_read(0, record, |read| read.name = name(1, 1, 0));
    let place = place(PARENT, 11);
    assert_eq!(usurped, Err(Problem::Usurped { name: name(1, 1, 0), wanted: record, place }));
}

#[test]
fn a_place_that_is_given_twice_is_seen() {
    let mut told = sound();
    told[4] = Told::Acknowledged(name(2, 0, 0), place(PARENT, 10));
    let (name, other, place) = (name(2, 0, 0), name(1, 0, 0), place(PARENT, 10));
    assert_eq!(tell(&told), Err(Problem::SamePlace { name, other, place }));
}

#[test]
fn a_duplicate_is_seen() {
    let mut told = sound();
    let place_of_read = at(&told, 0, name(1, 1, 0));
    let again = Told::Read(0, PARENT, read(name(1, 1, 0), 13));
    told.insert(place_of_read + 1, again);
    let duplicate = Problem::Duplicate { name: name(1, 1, 0), place: place(PARENT, 13) };
    assert_eq!(tell(&told), Err(duplicate));
    // One that was not acknowledged, long after.
    let mut told = sound();
    told.push(Told::Read(0, CHILD, read(name(2, 1, 0), 30)));
    let reordered = Problem::Reordered { name: name(2, 1, 0), place: place(CHILD, 30) };
    assert_eq!(tell(&told), Err(reordered));
}

#[test]
fn records_of_a_key_in_another_order_are_seen() {
    // The record of the child stands in the parent already, before one that was sent earlier.
    use Told::*;
    let told = [
        Begun(PARENT, None),
        Sent(name(1, 0, 0)),
        Sent(name(1, 1, 0)),
        Acknowledged(name(1, 1, 0), place(PARENT, 10)),
        Read(0, PARENT, read(name(1, 1, 0), 10)),
        Read(0, PARENT, read(name(1, 0, 0), 11)),
    ];
    let reordered = Problem::Reordered { name: name(1, 0, 0), place: place(PARENT, 11) };
    assert_eq!(tell(&told), Err(reordered));
}

#[test]
fn an_order_across_shards_that_is_wrong_is_seen() {
    use Told::*;
    let told = [
        Begun(PARENT, None),
        Sent(name(1, 0, 0)),
        Acknowledged(name(1, 0, 0), place(PARENT, 10)),
        Sent(name(1, 1, 0)),
        Acknowledged(name(1, 1, 0), place(CHILD, 20)),
        Begun(CHILD, None),
        Read(0, CHILD, read(name(1, 1, 0), 20)),
    ];
    let lost = Problem::Lost { name: name(1, 0, 0), place: place(PARENT, 10) };
    assert_eq!(tell(&told), Err(lost));
}

#[test]
fn refused_and_unsent_records_are_seen() {
    let place_of_read = place(PARENT, 13);
    let there = with_read(0, name(2, 1, 0), |read| read.name = name(2, 1, 1));
    // It is read before the refusal comes, as a record never sent.
    let unknown = Problem::Unknown { name: name(2, 1, 1), place: place_of_read };
    assert_eq!(there, Err(unknown));
    let mut told = sound();
    let place_of_second = at(&told, 0, name(2, 1, 2));
    told.insert(place_of_second, Told::Read(0, PARENT, read(name(2, 1, 1), 13)));
    told.remove(at(&told, 0, name(2, 1, 0)));
    let refused = Problem::Refused { name: name(2, 1, 1), place: place(PARENT, 13) };
    assert_eq!(tell(&told), Err(refused));
    for stranger in [name(9, 0, 0), name(1, 0, 1)] {
        let outcome = with_read(0, name(1, 0, 0), |read| {
            read.name = stranger;
            read.sequence = sequence(9);
        });
        let place = place(PARENT, 9);
        assert_eq!(outcome, Err(Problem::Unknown { name: stranger, place }));
    }
    let mut told = sound();
    told.push(Told::Read(0, CHILD, read(name(1, 9, 0), 30)));
    let unknown = Problem::Unknown { name: name(1, 9, 0), place: place(CHILD, 30) };
    assert_eq!(tell(&told), Err(unknown));
}

#[test]
fn numbers_and_times_that_go_back_are_seen() {
    let record = name(2, 0, 0);
    let outcome = with_read(0, record, |read| read.sequence = sequence(10));
    let last = sequence(10);
    assert_eq!(outcome, Err(Problem::NotAbove { name: record, place: place(PARENT, 10), last }));
    let outcome = with_read(0, record, |read| read.arrival_ms = 1_009);
    let place_of_record = place(PARENT, 11);
    let earlier = Problem::ArrivedBefore {
        name: record,
        place: place_of_record,
        arrival_ms: 1_009,
        last_ms: 1_010,
    };
    assert_eq!(outcome, Err(earlier));
    // A child's first number is not above its parent's last.
    let mut told = sound();
    let acknowledged = Told::Acknowledged(name(1, 2, 1), place(CHILD, 14));
    let place_of_read = at(&told, 0, name(1, 2, 1));
    told[place_of_read] = Told::Read(0, CHILD, read(name(1, 2, 1), 14));
    let old = told
        .iter()
        .position(|one| matches!(one, Told::Acknowledged(acked, _) if *acked == name(1, 2, 1)));
    told[old.expect("it is acknowledged")] = acknowledged;
    let (place, last) = (place(CHILD, 14), sequence(14));
    assert_eq!(tell(&told), Err(Problem::NotAbove { name: name(1, 2, 1), place, last }));
}

#[test]
fn what_was_read_and_vanishes_is_seen() {
    // In the middle: the next one stands where it was. At the end: the shard is shorter.
    let records = [name(1, 0, 0), name(2, 0, 0), name(1, 1, 0), name(2, 1, 0), name(2, 1, 2)];
    for (count, gone) in records.iter().enumerate() {
        let outcome = without_read(1, *gone);
        match records.get(count + 1) {
            // Nothing of the closed shard is remembered but its end.
            Some(_) => assert!(
                matches!(outcome, Err(Problem::Changed { .. } | Problem::Vanished { .. })),
                "{outcome:?}"
            ),
            None => assert!(matches!(outcome, Err(Problem::Vanished { known: 5, .. }))),
        }
    }
    let mut told = sound();
    let again = told.iter().rposition(|one| matches!(one, Told::Read(..)));
    told.remove(again.expect("it is read"));
    let outcome = tell(&told);
    assert!(matches!(outcome, Err(Problem::Vanished { shard: CHILD, known: 2, .. })));
    let mut told = sound();
    told.remove(at(&told, 0, name(2, 1, 2)));
    let ended_too_early = tell(&told);
    assert!(matches!(ended_too_early, Err(Problem::Lost { .. })), "{ended_too_early:?}");
}

#[test]
fn what_was_read_and_changes_is_seen() {
    let changes: [fn(&mut Read); 4] = [
        |read| read.sequence = sequence(99),
        |read| read.arrival_ms += 1,
        |read| read.bytes += 1,
        |read| read.name.attempt += 1,
    ];
    for change in changes {
        let mut told = sound();
        let again = told.iter().rposition(|one| matches!(one, Told::Read(..)));
        let Told::Read(_, _, read) = &mut told[again.expect("it is read")] else { panic!() };
        change(read);
        assert!(matches!(tell(&told), Err(Problem::Changed { .. })));
    }
}

#[test]
fn a_shard_is_read_when_somebody_was_at_its_tip_or_end_since() {
    let mut truth = Truth::default();
    let mut cursor = Cursor::default();
    truth.sent(name(1, 0, 0));
    assert!(!truth.is_read(PARENT));
    truth.at_tip(PARENT, cursor, Cursor::default()).expect("sound");
    assert!(truth.is_read(PARENT));
    truth.doubt();
    assert!(!truth.is_read(PARENT));
    let behind = cursor;
    truth.read(PARENT, &mut cursor, &read(name(1, 0, 0), 10)).expect("sound");
    truth.at_tip(PARENT, behind, Cursor::default()).expect("it was asked before");
    assert!(!truth.is_read(PARENT));
    truth.at_tip(PARENT, cursor, cursor).expect("sound");
    assert!(truth.is_read(PARENT));
    truth.ended(PARENT, cursor).expect("sound");
    truth.doubt();
    assert!(truth.is_read(PARENT));
}

#[test]
fn memory_does_not_grow_with_what_is_settled() {
    let mut truth = Truth::default();
    let mut cursor = Cursor::default();
    for number in 0..10_000 {
        let (name, place) = (name(1, number, 0), place(PARENT, number));
        truth.sent(name);
        truth.acknowledged(name, place).expect("sound");
        assert_eq!((truth.unsettled(), truth.unread().0), (1, 1));
        truth.read(PARENT, &mut cursor, &read(name, number)).expect("sound");
        assert_eq!((truth.unsettled(), truth.unread().0), (0, 0));
    }
    assert_eq!(truth.finish(), Ok(()));
}
