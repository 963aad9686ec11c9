-- CREATE TABLE and DROP TABLE: columns, defaults, constraints, errors.
create table dc_a (a int, b text);
create table dc_a (a int);
create table if not exists dc_a (a int);
insert into dc_a values (1, 'x'), (2, null);
select * from dc_a order by a;
drop table dc_a;
drop table dc_a;
drop table if exists dc_a;
drop table if exists dc_a, dc_b;
create table dc_dup (a int, a int);
create table dc_none ();
select * from dc_none;
drop table dc_none;
create table dc_t (a nosuchtype);
create table dc_t (a varchar(0));
create table dc_t (a char(0));
create table dc_t (a varchar(10485761));
create table dc_t (a numeric(0));
create table dc_t (a numeric(1001));
create table dc_t (a numeric(5, 1001));
create table dc_t (a int primary key, b int primary key);
create table dc_t (a int, primary key (a), primary key (a));
create table dc_t (a int, primary key (b));
create table dc_t (a int, primary key (a, a));
create table dc_t (a int, unique (b));
create table dc_t (a int null not null);
create table dc_t (a int default 'x');
create table dc_t (a int default b);
create table dc_t (a int default (select 1));
create table dc_t (a int default sum(1));
create table dc_t (a int default 1 default 2);
create table dc_t (a int check (b > 0));
create table dc_t (a int check (a));
create table dc_t (a int check (sum(a) > 0));
create table dc_t (a int check ((select 1) > 0));
create table dc_t (a int constraint x check (a > 0) constraint x check (a < 10));
create table nosuchschema.dc_t (a int);
create table pg_catalog.dc_t (a int);

create table dc_def (
    a int primary key,
    b text default 'hello',
    c int not null default 7,
    d numeric(6,2) default 1.005,
    e boolean default true,
    f date default '2020-02-29',
    g int default 1 + 2 * 3,
    h varchar(3) default 'abc'
);
insert into dc_def (a) values (1);
insert into dc_def (a, b, c) values (2, default, default);
insert into dc_def values (3, null, 1, 2.345, false, '1999-12-31', null, 'x');
insert into dc_def values (4, 'b', null);
insert into dc_def values (1);
insert into dc_def (b) values ('no key');
insert into dc_def (a, h) values (5, 'abcd');
insert into dc_def (a, h) values (6, 'abc  ');
insert into dc_def (a, d) values (7, 12345.6);
select * from dc_def order by a;
drop table dc_def;

create table dc_chk (
    a int check (a > 0),
    b int constraint b_small check (b < 100),
    c text,
    constraint a_lt_b check (a < b),
    check (c <> '' or c is null)
);
insert into dc_chk values (1, 2, 'x');
insert into dc_chk values (0, 2, 'x');
insert into dc_chk values (1, 200, 'x');
insert into dc_chk values (5, 2, 'x');
insert into dc_chk values (1, 2, '');
insert into dc_chk values (null, null, null);
update dc_chk set b = 0 where a = 1;
select * from dc_chk order by a;
drop table dc_chk;

create table dc_uni (a int unique, b int, c int, unique (b, c), constraint named unique (c));
insert into dc_uni values (1, 1, 1), (2, 1, 2), (null, 1, 3), (null, null, 4), (3, null, 5);
insert into dc_uni values (1, 9, 9);
insert into dc_uni values (9, 1, 2);
insert into dc_uni values (9, 9, 3);
insert into dc_uni values (10, 10, 10), (11, 11, 10);
update dc_uni set a = 2 where a = 1;
update dc_uni set a = 1 where a = 1;
select * from dc_uni order by c;
drop table dc_uni;

create table dc_pk (a int, b text, c int, primary key (b, a));
insert into dc_pk values (1, 'x', 1), (2, 'x', 2), (1, 'y', 3);
insert into dc_pk values (2, 'x', 4);
insert into dc_pk values (null, 'x', 4);
insert into dc_pk values (1, null, 4);
select * from dc_pk order by b, a;
drop table dc_pk;

create table dc_pkname (a int constraint my_pk primary key);
insert into dc_pkname values (1);
insert into dc_pkname values (1);
drop table dc_pkname;

create table dc_ser (id serial primary key, big bigserial, small smallserial, t text);
insert into dc_ser (t) values ('a'), ('b'), ('c');
insert into dc_ser (id, t) values (10, 'd');
insert into dc_ser (id, t) values (null, 'd');
insert into dc_ser (t) values ('e') returning id, big, small;
select * from dc_ser order by id;
drop table dc_ser;
create table "Dc Mixed" ("Select" int, "b""q" text);
insert into "Dc Mixed" values (1, 'q');
select "Select", "b""q" from "Dc Mixed";
select Select from "Dc Mixed";
drop table "Dc Mixed";
drop table dc_mixed;
create table dc_quite_a_long_name_that_exceeds_the_limit_of_sixty_three_bytes_for_names (a int);
drop table dc_quite_a_long_name_that_exceeds_the_limit_of_sixty_three_bytes_for_names;
create table dc_as as select 1 as a, 'x'::text as b union all select 2, 'y';
select * from dc_as order by a;
drop table dc_as;
create table dc_like_src (a int primary key, b text not null default 'z');
create table dc_like (like dc_like_src);
drop table if exists dc_like;
drop table dc_like_src;
