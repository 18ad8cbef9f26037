import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, brief, exact, period } from "../../web/page/moments.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// Noon in the time zone of this machine, whatever it is: the module formats in the reader's time zone.
const NOON = new Date(2026, 5, 15, 12).getTime();

/** @param {number} offset Milliseconds from noon. */
const fromNoon = (offset) => new Date(NOON + offset).toISOString();

test("brief counts in the largest unit below a week, and names the day after that", () => {
  assert.equal(brief(fromNoon(-59 * SECOND), NOON), "now");
  assert.equal(brief(fromNoon(-MINUTE), NOON), "1 min");
  assert.equal(brief(fromNoon(-HOUR + SECOND), NOON), "59 min");
  assert.equal(brief(fromNoon(-HOUR), NOON), "1 h");
  assert.equal(brief(fromNoon(-DAY + SECOND), NOON), "23 h");
  assert.equal(brief(fromNoon(-DAY), NOON), "1 d");
  assert.equal(brief(fromNoon(-7 * DAY + SECOND), NOON), "6 d");
  assert.equal(brief(fromNoon(-7 * DAY), NOON), "8 Jun");
});

test("brief names the month of another year, which is shorter than its day", () => {
  assert.equal(brief(new Date(2024, 5, 12, 12).toISOString(), NOON), "Jun 2024");
});

test("ago says on which side of now a moment is", () => {
  assert.equal(ago(fromNoon(-SECOND), NOON), "just now");
  assert.equal(ago(fromNoon(SECOND), NOON), "in a moment");
  assert.equal(ago(fromNoon(-5 * MINUTE), NOON), "5 min ago");
  assert.equal(ago(fromNoon(5 * MINUTE), NOON), "in 5 min");
  assert.equal(ago(fromNoon(-2 * DAY), NOON), "2 d ago");
});

test("ago names the day from a week on, with the year if it is another one", () => {
  assert.equal(ago(fromNoon(-7 * DAY), NOON), "8 Jun");
  assert.equal(ago(fromNoon(7 * DAY), NOON), "22 Jun");
  assert.equal(ago(new Date(2024, 5, 12, 12).toISOString(), NOON), "12 Jun 2024");
});

test("exact names day and minute", () => {
  assert.equal(exact(new Date(2026, 5, 5, 9, 7).toISOString()), "5 Jun 2026, 09:07");
});

test("periods begin at midnight in the reader's time zone", () => {
  /** @type {[Date, string][]} */
  const cases = [
    [new Date(2026, 5, 15, 0, 0), "Today"],
    [new Date(2026, 5, 14, 23, 59), "Yesterday"],
    [new Date(2026, 5, 14, 0, 0), "Yesterday"],
    [new Date(2026, 5, 13, 23, 59), "Last seven days"],
    [new Date(2026, 5, 9, 0, 0), "Last seven days"],
    [new Date(2026, 5, 8, 23, 59), "June 2026"],
    [new Date(2025, 11, 31, 12, 0), "December 2025"],
  ];
  for (const [moment, expected] of cases) assert.equal(period(moment.toISOString(), NOON), expected);
  assert.equal(period(undefined, NOON), "Without any activity");
});

/**
 * Runs a function in a time zone.
 *
 * @param {string} zone
 * @param {() => void} check
 */
function inZone(zone, check) {
  const before = process.env.TZ;
  process.env.TZ = zone;
  try {
    check();
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
}

// Zones and the days on which their clocks change, and on which a day has no midnight or is left out.
/** @type {[string, number, number, number][]} */
const CHANGES = [
  ["Europe/Berlin", 2026, 2, 29],
  ["Europe/Berlin", 2026, 9, 25],
  ["America/New_York", 2026, 2, 8],
  ["America/New_York", 2026, 10, 1],
  ["Australia/Lord_Howe", 2026, 3, 5],
  ["America/Sao_Paulo", 2018, 10, 4],
  ["Africa/Cairo", 2026, 3, 24],
  ["Asia/Kathmandu", 2026, 5, 15],
];

for (const [zone, year, month, day] of CHANGES) {
  test(`days are those of the calendar when the clocks change in ${zone} in ${year}-${month + 1}`, () => {
    inZone(zone, () => {
      for (let shift = 0; shift < 8; shift += 1) {
        for (const hour of [0, 3, 12, 23]) {
          const now = new Date(year, month, day + shift, hour, 30).getTime();
          /** @param {number} days @param {number} at @param {number} minute */
          const before = (days, at, minute) =>
            new Date(year, month, day + shift - days, at, minute).toISOString();
          assert.equal(period(before(1, 23, 59), now), "Yesterday");
          assert.equal(period(before(1, 0, 0), now), "Yesterday");
          assert.equal(period(before(2, 23, 59), now), "Last seven days");
          assert.equal(period(before(6, 0, 0), now), "Last seven days");
          assert.notEqual(period(before(7, 23, 59), now), "Last seven days");
        }
        const noon = new Date(year, month, day + shift, 12).getTime();
        for (const days of [1, 2, 6]) {
          const moment = new Date(year, month, day + shift - days, 12).toISOString();
          assert.equal(brief(moment, noon), `${days} d`);
          assert.equal(ago(moment, noon), `${days} d ago`);
        }
      }
    });
  });
}
