-- A small chat: what `assay demo` dumps as `codetalk`.
create table users (
  id         bigint generated always as identity primary key,
  name       text not null unique,
  email      text not null,
  created_at timestamptz not null
);
create table channels (
  id    integer generated always as identity primary key,
  name  text not null unique
);
create table messages (
  id         bigint generated always as identity primary key,
  channel_id integer not null references channels,
  author_id  bigint not null references users,
  body       text not null,
  created_at timestamptz not null
);
create index messages_by_channel on messages (channel_id, created_at);
create table memberships (
  user_id    bigint not null references users,
  channel_id integer not null references channels,
  primary key (user_id, channel_id)
);
create table orders (
  id    bigint generated always as identity primary key,
  total numeric(10, 2) not null
);
create view busy_channels as
  select c.name, count(*) as messages from channels c join messages m on m.channel_id = c.id group by c.name;

insert into channels (name) select 'channel ' || n from generate_series(1, 12) n;
insert into users (name, email, created_at)
  select 'user ' || n, 'user' || n || '@example.net', now() - interval '40 days' from generate_series(1, 250) n;
insert into memberships select u, 1 + (u * c) % 12 from generate_series(1, 250) u, generate_series(1, 3) c on conflict do nothing;
insert into orders (total) select (n * 7) % 90 from generate_series(1, 400) n;
