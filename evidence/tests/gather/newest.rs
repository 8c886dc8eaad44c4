//! The newest checkpoint of an anchor.

use super::*;

/// Cosignatures change at one size: evidence wants the first time, and who watches an anchor its last.
#[tokio::test]
async fn of_one_size_the_time_decides() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_hours(490_000);
    let one = Authority::standing_at("one", start).await;
    // Their hashes say nothing of their times, and every one comes first once.
    let mut notes: Vec<Note> = (1..=4).map(|time| cosigned(20, 0, &[time])).collect();
    for _ in 0..notes.len() {
        notes.rotate_left(1);
        let mut anchor = Fake::default();
        for (hour, note) in (0..).zip(&notes) {
            one.clock.set(start + Duration::from_hours(hour));
            anchor.anchors(note, &[&one]);
        }
        // A later token over the last one.
        one.clock.set(start + Duration::from_hours(9));
        let last = notes.last().unwrap();
        let again = one.record(last.as_bytes()).encode().unwrap();
        anchor.record(place(last), "rfc3161-one.2", again);
        let seconds =
            |gathered: &Gathered| gathered.records[0].seconds().unwrap() - 490_000 * 3_600;
        let first = of(5, std::slice::from_ref(&anchor)).await.unwrap();
        assert_eq!(first.receipt.note(), &notes[0]);
        assert_eq!(seconds(&first), 0);
        let newest = newest(log(), now().at, &anchor, receipt, pending())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(newest.receipt.note(), last);
        assert_eq!(seconds(&newest), 9 * 3_600);
    }
}

#[tokio::test]
async fn the_newest_is_the_largest() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let mut anchor = Fake::default();
    let none = newest(log(), now().at, &anchor, receipt, pending()).await;
    assert_eq!(none, Ok(None));
    anchor.anchors(&note(20, 0), &[&one, &two]);
    anchor.anchors(&note(100, 0), &[&two]);
    // A round goes on.
    anchor.checkpoint(&note(101, 0));
    let found = newest(log(), now().at, &anchor, receipt, pending()).await;
    let gathered = found.unwrap().unwrap();
    assert_eq!(gathered.receipt.checkpoint().size().get(), 100);
    assert_eq!(gathered.receipt.index().get(), 99);
    assert_eq!(gathered.records[0].authority().1.as_str(), "two");
}
