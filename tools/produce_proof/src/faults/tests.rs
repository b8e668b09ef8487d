use super::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeSet;

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

#[test]
fn every_fault_is_drawn_and_none_without_a_chance() {
    let mut rng = rng(1);
    let plans: Vec<Plan> = (0..2_000).map(|_| Plan::draw(true, 0.5, &mut rng)).collect();
    let faults: BTreeSet<Fault> = plans.iter().filter_map(|plan| plan.fault).collect();
    assert_eq!(faults.len(), 10, "{faults:?}");
    // What is throttled must not be stored.
    assert!(!faults.contains(&Fault::FailAfter(Whole::Throttled)));
    assert!(plans.iter().any(|plan| plan.delay > Duration::ZERO));
    assert!((0..100).all(|_| Plan::draw(true, 0.0, &mut rng) == Plan { delay: Duration::ZERO, fault: None }));
    let others = (0..2_000).map(|_| Plan::draw(false, 1.0, &mut rng).fault);
    assert!(others.into_iter().all(|fault| fault != Some(Fault::Withhold)));
}

/// A server that stores what it gets, and says so by the record's key.
fn store(body: &[u8], stored: &mut Vec<String>) -> Vec<u8> {
    let request: Value = serde_json::from_slice(body).expect("a request");
    assert_eq!(request["StreamName"], "s");
    let answer = |record: &Value| {
        let key = record["PartitionKey"].as_str().expect("a key").to_owned();
        stored.push(key.clone());
        match key.as_str() {
            "k3" => json!({ "ErrorCode": "ProvisionedThroughputExceededException" }),
            _ => json!({ "ShardId": "shard", "SequenceNumber": key }),
        }
    };
    let records: Vec<Value> =
        request["Records"].as_array().expect("records").iter().map(answer).collect();
    json!({ "FailedRecordCount": 9, "Records": records, "EncryptionType": "NONE" })
        .to_string()
        .into()
}

#[test]
fn what_is_withheld_and_said_to_be_throttled_was_not_passed_on() {
    let records: Vec<Value> = (0..20)
        .map(|number| json!({ "PartitionKey": format!("k{number}"), "Data": "eHg=" }))
        .collect();
    let body = json!({ "StreamName": "s", "Records": records }).to_string();
    let (mut was_nothing_passed, mut was_stored_and_denied) = (false, false);
    for seed in 0..400 {
        let withheld = Withheld::draw(body.as_bytes(), &mut rng(seed)).expect("a request");
        let mut stored = Vec::new();
        let answer = withheld.body.as_ref().map(|body| store(body, &mut stored));
        was_nothing_passed |= answer.is_none();
        let merged = withheld.merge(answer.as_deref()).expect("an answer");
        let merged: Value = serde_json::from_slice(&merged).expect("an answer");
        let answers = merged["Records"].as_array().expect("records");
        assert_eq!(answers.len(), 20);
        let mut failed = 0;
        for (number, answer) in answers.iter().enumerate() {
            let key = format!("k{number}");
            let is_stored = stored.contains(&key);
            match answer["ErrorCode"].as_str() {
                None => {
                    assert!(is_stored);
                    assert_eq!(answer["SequenceNumber"], key.as_str());
                }
                Some("ProvisionedThroughputExceededException") => {
                    assert!(!is_stored || number == 3);
                    failed += 1;
                }
                Some(code) => {
                    assert_eq!(code, "InternalFailure");
                    was_stored_and_denied |= is_stored;
                    failed += 1;
                }
            }
        }
        assert_eq!(merged["FailedRecordCount"], failed);
        assert!(failed >= withheld.count());
    }
    assert!(was_nothing_passed && was_stored_and_denied);
}
