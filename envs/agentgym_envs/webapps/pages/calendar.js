// Calendar: the events of a week, by day.

const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"];
const HOURS = ["08:00", "09:00", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00", "17:00"];
const ROOMS = ["none", "room a", "room b", "hall", "garden"];

const events = (db, day) =>
  entries(db.events)
    .filter(([, event]) => event.day === day)
    .sort(([, one], [, two]) => one.start.localeCompare(two.start));
const people = (db) => entries(db.people).map(([, person]) => person.name);
const eventForm = (act, event) =>
  form(
    act,
    [
      field("title", event.title),
      choice("day", DAYS, event.day),
      choice("start", HOURS, event.start),
      choice("place", ROOMS, event.place),
    ],
    "save",
  );
const ofEvent = (show) => (db, id) =>
  id in db.events ? show(db, id, db.events[id]) : html`<p>this event is cancelled</p>`;
const written = ({ title, day, start, place }) => ({ title: filled(title, "title"), day, start, place });

run({
  home: "week",
  pages: ["week", "new", "guests"],
  show: {
    week: (db) =>
      html`<h1>week</h1>${DAYS.filter((day) => !db.simple || events(db, day).length).map(
        (day) => markup`<h2>${day}</h2>${list(events(db, day).map(([id, event]) => link(`event/${id}`, `${event.start} ${event.title}`)))}`,
      )}`,
    event: ofEvent((db, id, { title, day, start, place, guests }) => {
      if (db.simple) return html`<h1>${title}</h1>${form(`day/${id}`, [choice("day", DAYS, day)], "save")}`;
      return html`<h1>${title}</h1><p>${day} at ${start}, place: ${place}</p><p>guests: ${guests.join(", ") || "none"}</p>
        ${list([link(`edit/${id}`, "edit"), link(`invite/${id}`, "invite")])}${button(`cancel/${id}`, "cancel event")}`;
    }),
    edit: ofEvent((_, id, event) => html`<h1>edit ${event.title}</h1>${eventForm(`edit/${id}`, event)}`),
    invite: ofEvent(
      (db, id, event) =>
        html`<h1>invite to ${event.title}</h1>${form(`invite/${id}`, [choice("guest", people(db), people(db)[0])], "send")}`,
    ),
    new: () => html`<h1>new event</h1>${eventForm("new", { title: "", day: DAYS[0], start: HOURS[0], place: ROOMS[0] })}`,
    guests: (db) =>
      html`<h1>guests</h1>${list(
        people(db).map((person) => {
          const theirs = entries(db.events).filter(([, event]) => event.guests.includes(person));
          return markup`${person}: ${theirs.map(([, event]) => event.title).join(", ") || "nothing"}`;
        }),
      )}`,
  },
  act: {
    day: (db, id, { day }) => {
      db.events[id].day = day;
      return "week";
    },
    edit: (db, id, values) => {
      Object.assign(db.events[id], written(values));
      return `event/${id}`;
    },
    new: (db, _, values) => {
      db.events[nextId()] = { ...written(values), guests: [] };
      return "week";
    },
    invite: (db, id, { guest }) => {
      const { guests } = db.events[id];
      if (guests.includes(guest)) throw `${guest} is invited already`;
      guests.push(guest);
      guests.sort();
      return `event/${id}`;
    },
    cancel: (db, id) => {
      delete db.events[id];
      return "week";
    },
  },
});
