use super::command::{
    AddTags, DeleteStream, DeregisterConsumer, Distribution, Mode, PurgeStream, RegisterConsumer,
    SetRetention,
};
use super::*;

fn create(number: u32, name: &str) -> Command {
    Command::CreateStream(CreateStream {
        number,
        account: "123456789012".into(),
        region: "us-east-1".into(),
        name: name.into(),
        shard_count: 3,
        mode: Mode::Provisioned,
        retention_hours: 24,
        tags: BTreeMap::from([("k".into(), "v".into())]),
        max_record_kib: 1024,
        distribution: Distribution::UserPartitionKey,
        transition_ms: 20,
    })
}

fn register(stream: u32, name: &str) -> Command {
    Command::RegisterConsumer(RegisterConsumer {
        stream,
        name: name.into(),
        created_secs: 6,
        tags: BTreeMap::from([("k".into(), "v".into())]),
        transition_ms: 20,
    })
}

fn story() -> Vec<Command> {
    vec![
        Command::InstallSecret(command::InstallSecret { secret: vec![7; 32] }),
        create(0, "a"),
        create(1, "b"),
        Command::AddTags(AddTags { stream: 0, tags: BTreeMap::from([("x".into(), "y".into())]) }),
        Command::SetRetention(SetRetention { stream: 1, hours: 48 }),
        register(1, "c"),
        register(1, "d"),
        Command::DeregisterConsumer(DeregisterConsumer {
            stream: 1,
            name: "c".into(),
            gone_at_ms: 8_500,
        }),
        Command::DeleteStream(DeleteStream { stream: 0, gone_at_ms: 9_000 }),
        Command::PurgeStream(PurgeStream { stream: 0 }),
        create(2, "a"),
    ]
}

fn recovered(commands: &[Command]) -> Vec<RecoveredCommand> {
    let numbered = commands.iter().zip(1u64..);
    numbered
        .map(|(command, number)| RecoveredCommand {
            number,
            index: number * 10,
            arrival_ms: number * 1000,
            payload: command.encode(),
        })
        .collect()
}

#[test]
fn commands_round_trip() {
    for command in story() {
        assert_eq!(Command::decode(&command.encode()).expect("decodes"), command);
    }
    assert!(Command::decode(&[0x82, 0x18, 0xff, 0x80]).is_err(), "an unknown variant");
}

#[test]
fn a_snapshot_at_any_place_and_the_rest_give_the_same_catalog() {
    let commands = recovered(&story());
    let whole = Catalog::rebuild(None, &commands).expect("rebuilt");
    for split in 0..=commands.len() {
        let (before, after) = commands.split_at(split);
        let early = Catalog::rebuild(None, before).expect("rebuilt");
        let (applied, snapshot) = early.snapshot();
        assert_eq!(applied, split as u64);
        let again = Catalog::rebuild(Some(&snapshot), after).expect("rebuilt");
        assert_eq!(again.snapshot(), whole.snapshot(), "split at {split}");
    }
}

#[test]
fn consumers_that_are_gone_are_forgotten_when_their_second_is_over() {
    let mut catalog = Catalog::rebuild(None, &recovered(&story())).expect("rebuilt");
    let names = |catalog: &Catalog| {
        let stream = catalog.stream_by_number(1).expect("there");
        stream.consumers.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    let at = |arrival_ms| Place { number: 20, index: 0, arrival_ms };
    catalog.apply(&register(1, "e"), at(8_499));
    assert_eq!(names(&catalog), ["c", "d", "e"]);
    catalog.apply(&register(1, "f"), at(8_500));
    assert_eq!(names(&catalog), ["d", "e", "f"]);
}

#[test]
fn a_new_stream_of_an_old_name_is_another_one() {
    let catalog = Catalog::rebuild(None, &recovered(&story())).expect("rebuilt");
    let scope = Scope { account: Arc::from("123456789012"), region: Arc::from("us-east-1") };
    let stream = catalog.stream(&scope, "a").expect("there");
    assert_eq!((stream.number, catalog.next_stream()), (2, 3));
    assert!(catalog.stream_by_number(0).is_none());
    let names: Vec<_> =
        catalog.streams_after(&scope, Some("a")).map(|s| s.reference.name.to_string()).collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn snapshots_of_arbitrary_bytes_are_refused_or_harmless() {
    let (_, snapshot) = Catalog::rebuild(None, &recovered(&story())).expect("rebuilt").snapshot();
    for len in 0..snapshot.len() {
        assert!(Catalog::rebuild(Some(&snapshot[..len]), &[]).is_err());
    }
    for at in 0..snapshot.len() {
        let mut bytes = snapshot.clone();
        bytes[at] ^= 0x55;
        let _ = Catalog::rebuild(Some(&bytes), &[]);
    }
}
