use super::*;
use crate::live::stream::Stream;
use crate::state::command;
use crate::state::command::{
    AddTags, BeginRescale, BeginReshard, DeletePolicy, DeleteStream, DeregisterConsumer,
    Distribution, EndRescale, ForgetShards, Mode, PurgeStream, PutPolicy, RecordWritePeak,
    RegisterConsumer, Reshard, ReshardMove, SetCommitment, SetDistribution, SetMaxRecordSize,
    SetRetention, SetShardMetrics, SetStreamMode, SetWarmThroughput, TagConsumer, UntagConsumer,
};
use crate::state::stream::{RecordDistribution, StreamMode};

const POLICY: &str = r#"{"Statement": {"Effect": "Allow", "Principal": "*",
    "Action": "kinesis:GetRecords", "Resource": "*"}}"#;

fn create(number: u32, name: &str) -> Command {
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    Command::CreateStream(CreateStream {
        tags: BTreeMap::from([("k".into(), "v".into())]),
        transition_ms: 20,
        ..CreateStream::provisioned(number, &scope, name.into(), 3)
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

fn start_encryption(stream: u32, data_key: u32) -> Command {
    Command::StartEncryption(command::StartEncryption {
        stream,
        data_key,
        key_id: "alias/k".into(),
        key_arn: "arn:aws:kms:us-east-1:123456789012:key/k".into(),
        wrapped: vec![data_key as u8; 4],
        transition_ms: 20,
        deletion_ms: None,
    })
}

fn put_policy(stream: u32, consumer: Option<&str>, policy: &str) -> Command {
    let consumer = consumer.map(str::to_owned);
    Command::PutPolicy(PutPolicy { stream, policy: policy.into(), consumer })
}

fn story() -> Vec<Command> {
    [
        Command::InstallSecret(command::InstallSecret { secret: vec![7; 32] }),
        create(0, "a"),
        create(1, "b"),
        Command::AddTags(AddTags { stream: 0, tags: BTreeMap::from([("x".into(), "y".into())]) }),
        Command::SetRetention(SetRetention { stream: 1, hours: 48, deletion_ms: None }),
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
        Command::SetStreamMode(SetStreamMode {
            stream: 1,
            mode: Mode::OnDemand,
            warm_mibps: 6,
            transition_ms: 20,
        }),
        Command::SetDistribution(SetDistribution { stream: 1, distribution: Distribution::Auto }),
        Command::SetWarmThroughput(SetWarmThroughput {
            stream: 1,
            warm_mibps: 7,
            transition_ms: 20,
        }),
        Command::SetMaxRecordSize(SetMaxRecordSize { stream: 1, max_record_kib: 10_240 }),
        Command::RecordWritePeak(RecordWritePeak { stream: 1, day: 20_000, bytes_per_s: 9 << 20 }),
        Command::SetShardMetrics(SetShardMetrics { stream: 1, metrics: 0b101 }),
        Command::SetCommitment(SetCommitment {
            account: "123456789012".into(),
            region: "us-east-1".into(),
            started_ms: Some(5_000),
            ends_ms: None,
        }),
        start_encryption(2, 0),
        start_encryption(2, 1),
        Command::StopEncryption(command::StopEncryption {
            stream: 2,
            transition_ms: 20,
            deletion_ms: None,
        }),
        start_encryption(2, 2),
    ]
    .into_iter()
    .chain(reshards())
    .chain(policies())
    .collect()
}

/// Policies of streams 1 and 2, and of consumer d.
fn policies() -> Vec<Command> {
    vec![
        put_policy(1, None, POLICY),
        put_policy(1, Some("d"), POLICY),
        put_policy(2, None, POLICY),
        Command::DeletePolicy(DeletePolicy { stream: 2, consumer: None }),
        Command::TagConsumer(TagConsumer {
            stream: 1,
            consumer: "d".into(),
            tags: BTreeMap::from([("x".into(), "y".into()), ("z".into(), "".into())]),
        }),
        Command::UntagConsumer(UntagConsumer {
            stream: 1,
            consumer: "d".into(),
            keys: vec!["x".into(), "none".into()],
        }),
        put_policy(2, None, "no policy"),
    ]
}

/// Reshards of stream 2.
fn reshards() -> Vec<Command> {
    vec![
        reshard(&[ReshardMove::Merge { lower: 0, upper: 1 }]),
        Command::BeginRescale(BeginRescale { stream: 2, target: 4, is_counted: true }),
        reshard(&[split(3, 9), split(2, u128::MAX - 1)]),
        Command::EndRescale(EndRescale { stream: 2, transition_ms: 20 }),
        Command::ForgetShards(ForgetShards { stream: 2, closed_before_ms: 4_000 }),
        reshard(&[split(4, 5)]),
    ]
}

fn split(shard: u32, at: u128) -> ReshardMove {
    ReshardMove::Split { shard, at: at.to_be_bytes() }
}

fn reshard(moves: &[ReshardMove]) -> Command {
    Command::Reshard(Reshard { stream: 2, moves: moves.to_vec(), transition_ms: 20 })
}

fn recovered(commands: &[Command]) -> Vec<anabranch_storage::RecoveredCommand> {
    let numbered = commands.iter().zip(1u64..);
    numbered
        .map(|(command, number)| anabranch_storage::RecoveredCommand {
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

/// Bytes of before there were other machines. A new command or field of the story changes them; then older
/// versions must still read the rest, or refuse it.
#[test]
fn commands_and_snapshots_are_the_bytes_that_they_were() {
    let digest = |bytes: &[u8]| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        u64::from_be_bytes(digest.as_ref()[..8].try_into().expect("8 bytes"))
    };
    let commands: Vec<_> = story().iter().map(|command| command.encode()).collect();
    let snapshot = Catalog::rebuild(None, &recovered(&story())).expect("rebuilt").snapshot().1;
    assert_eq!(digest(&commands.concat()), 0xed40_e3ce_0ac3_9bec);
    assert_eq!(digest(&snapshot), 0xad9d_41d5_e850_940a);
}

#[test]
fn a_snapshot_at_any_place_and_the_rest_give_the_same_catalog() {
    let begin = |moves: &[ReshardMove]| {
        Command::BeginReshard(BeginReshard { stream: 2, moves: moves.to_vec() })
    };
    // Begun and made; begun.
    let one = [split(5, 100)];
    let more = [begin(&one), reshard(&one), begin(&[split(7, 2), split(8, 4)])];
    let commands = recovered(&[story(), more.to_vec()].concat());
    let whole = Catalog::rebuild(None, &commands).expect("rebuilt");
    assert_eq!(whole.streams().of_number(2).expect("there").pending_moves.len(), 2);
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
fn policies_are_of_their_resource() {
    let catalog = Catalog::rebuild(None, &recovered(&story())).expect("rebuilt");
    let stream = catalog.streams().of_number(1).expect("there");
    assert_eq!(stream.policy.as_ref().map(|policy| policy.text()), Some(POLICY));
    let consumer = &stream.consumers["d"];
    assert_eq!(consumer.policy.as_ref().map(|policy| policy.text()), Some(POLICY));
    let tags: Vec<_> = consumer.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(tags, [("k", "v"), ("z", "")]);
    let unreadable = catalog.streams().of_number(2).expect("there").policy.clone().expect("put");
    assert_eq!(*unreadable.policy(), anabranch_policy::Policy::deny_everything());
}

#[test]
fn consumers_that_are_gone_are_forgotten_when_their_second_is_over() {
    let mut catalog = Catalog::rebuild(None, &recovered(&story())).expect("rebuilt");
    let names = |catalog: &Catalog| {
        let stream = catalog.streams().of_number(1).expect("there");
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
    let stream = catalog.streams().of_name(&scope, "a").expect("there");
    assert_eq!((stream.number, catalog.next_stream()), (2, 3));
    assert!(catalog.streams().of_number(0).is_none());
    let names: Vec<_> =
        catalog.streams().after(&scope, Some("a")).map(|s| s.reference.name.to_string()).collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn what_changes_a_stream_that_is_gone_does_not_take_the_name_of_a_new_one() {
    let story = [
        create(0, "a"),
        Command::BeginRescale(BeginRescale { stream: 0, target: 6, is_counted: true }),
        Command::DeleteStream(DeleteStream { stream: 0, gone_at_ms: 3_000 }),
        create(1, "a"),
        Command::EndRescale(EndRescale { stream: 0, transition_ms: 20 }),
        Command::ForgetShards(ForgetShards { stream: 0, closed_before_ms: 4_000 }),
        Command::PurgeStream(PurgeStream { stream: 0 }),
    ];
    let scope = Scope { account: Arc::from("123456789012"), region: Arc::from("us-east-1") };
    let commands = recovered(&story);
    for end in 4..=commands.len() {
        let catalog = Catalog::rebuild(None, &commands[..end]).expect("rebuilt");
        let (_, snapshot) = catalog.snapshot();
        for catalog in [catalog, Catalog::rebuild(Some(&snapshot), &[]).expect("rebuilt")] {
            let named = catalog.streams().of_name(&scope, "a").map(|stream| stream.number);
            assert_eq!(named, Some(1), "after {end} commands");
        }
    }
}

#[test]
fn the_times_of_rescalings_are_kept_as_far_as_they_count() {
    let mut catalog = Catalog::default();
    catalog.apply(&create(2, "a"), Place { number: 1, index: 0, arrival_ms: 0 });
    for number in 2..40 {
        let begin = BeginRescale { stream: 2, target: 3, is_counted: true };
        let place = Place { number, index: 0, arrival_ms: number };
        catalog.apply(&Command::BeginRescale(begin), place);
    }
    let stream = catalog.streams().of_number(2).expect("there");
    assert_eq!(stream.rescale_calls_ms, (30..40).collect::<Vec<_>>());
}

#[test]
fn shards_have_parents_ids_and_numbers_in_the_order_of_their_birth() {
    let story: Vec<_> = std::iter::once(create(2, "a")).chain(reshards()).collect();
    let catalog = Catalog::rebuild(None, &recovered(&story)).expect("rebuilt");
    let stream = catalog.streams().of_number(2).expect("there");
    // 0 and 1 were merged at 2 s and forgotten; 2 and 3 were split at 4 s, and 4 at 7 s.
    let family: Vec<_> = stream
        .shards
        .all()
        .iter()
        .map(|shard| (shard.id.0, shard.parent.map(|id| id.0), shard.created_secs))
        .collect();
    let expected = [
        (2, None, 1),
        (3, Some(0), 3),
        (4, Some(3), 5),
        (5, Some(3), 5),
        (6, Some(2), 5),
        (7, Some(2), 5),
        (8, Some(4), 8),
        (9, Some(4), 8),
    ];
    assert_eq!(family, expected);
    let stream = Stream::new(stream.clone(), None);
    let starts: Vec<_> = stream.open.iter().map(|slot| slot.shard.range.start).collect();
    assert_eq!(starts.len(), 5);
    assert_eq!((starts[0], starts[1], starts[2]), (0, 5, 9));
    for pair in stream.open.windows(2) {
        assert_eq!(pair[0].shard.range.end_inclusive + 1, pair[1].shard.range.start);
    }
    assert!(stream.open.iter().all(|slot| !slot.gate.is_closed()));
    let closed = stream.shards.iter().filter(|slot| slot.gate.is_closed()).count();
    assert_eq!(closed, 3, "2, 3 and 4");
}

#[test]
fn children_of_one_second_are_still_younger_than_their_parents() {
    let mut catalog = Catalog::default();
    let at = |number| Place { number, index: number, arrival_ms: 5_000 };
    catalog.apply(&create(2, "a"), at(1));
    let mut newest = 0;
    for number in 2..10 {
        let highest = u128::from(number) << 64;
        catalog.apply(&reshard(&[split(newest, highest)]), at(number));
        let stream = catalog.streams().of_number(2).expect("there");
        let child = stream.shards.all().last().expect("some");
        let parent = stream.shards.of_id(ShardId(newest)).expect("there");
        assert!(child.created_secs > parent.created_secs);
        let ending = parent.ending_sequence_number().expect("closed").to_string();
        assert!(child.starting_sequence_number().to_string() > ending);
        newest = child.id.0;
    }
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

#[test]
fn capacity_commands_set_what_they_say() {
    let mut catalog = Catalog::rebuild(None, &recovered(&story())).expect("rebuilt");
    let stream = catalog.streams().of_number(1).expect("there").clone();
    assert_eq!((stream.mode, stream.warm_mibps), (StreamMode::OnDemand, 7));
    assert_eq!((stream.max_record_kib, stream.shard_metrics.bits()), (10_240, 0b101));
    assert_eq!(stream.distribution, RecordDistribution::Auto);
    assert_eq!(stream.write_peaks.highest(20_029), 9 << 20);
    // The numbers of the story's commands are their times in seconds.
    assert_eq!((&*stream.mode_switches_ms, stream.updating_until_ms), (&[12_000][..], 14_020));
    assert_eq!(catalog.commitments().of(&stream.reference.scope).started_ms, Some(5_000));
    assert_eq!(catalog.commitments().consumers_max(&stream, 6_000), 50);
    assert_eq!(
        catalog.streams().of_number(2).map(|other| catalog.commitments().consumers_max(other, 0)),
        Some(20)
    );

    for (number, mode) in [(40, Mode::Provisioned), (41, Mode::Provisioned), (42, Mode::OnDemand)] {
        let set = SetStreamMode { stream: 1, mode, warm_mibps: 0, transition_ms: 0 };
        let place = Place { number, index: 0, arrival_ms: number * 1000 };
        catalog.apply(&Command::SetStreamMode(set), place);
    }
    let stream = catalog.streams().of_number(1).expect("there");
    assert_eq!(stream.mode_switches_ms, [40_000, 42_000], "the last two that were switches");
    assert_eq!(stream.distribution, RecordDistribution::UserPartitionKey);
    assert_eq!(stream.write_peaks.highest(20_000), 0, "a switch begins anew");
}
