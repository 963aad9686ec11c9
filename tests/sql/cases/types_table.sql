-- Every type in a table: limits, NULL, formats.
create table ty (
    s smallint, i integer, b bigint, f double precision, n numeric, n2 numeric(10,3), bo boolean,
    t text, v varchar(5), c char(5), d date, ts timestamp, tz timestamptz, r real
);
insert into ty values (32767, 2147483647, 9223372036854775807, 1.7976931348623157e308, 12345678901234567890.123456789, 1234567.8915, true,
    'text', 'varch', 'ch', '9999-12-31', '2020-02-29 23:59:59.999999', '2020-02-29 23:59:59.999999+02', 1.5);
insert into ty values (-32768, -2147483648, -9223372036854775808, -1.7976931348623157e308, -0.000000001, -0.0005, false,
    '', '', '', '0001-01-01', '0001-01-01 00:00:00', '0001-01-01 00:00:00+00', -1.5);
insert into ty values (null, null, null, null, null, null, null, null, null, null, null, null, null, null);
insert into ty values (0, 0, 0, 'NaN', 'NaN', 0, 'yes', 'é€😀', 'é€😀ab', 'é', '4713-01-01 BC', '4713-01-01 00:00:00 BC', 'infinity', 'NaN');
insert into ty values ('1', '2', '3', 'Infinity', 'Infinity', '1e3', 'off', 'x''y"z\', E'a\tb', E'\n', 'infinity', '-infinity', '-infinity', '-Infinity');
select * from ty;
\x on
select * from ty;
\x off
select s, i, b from ty where s > 0 order by s;
select f from ty order by f;
select n from ty order by n;
select n2 from ty order by n2;
select bo, count(*) from ty group by bo order by bo;
select t, length(t), octet_length(t) from ty order by t;
select v, length(v) from ty order by v;
select c, length(c), octet_length(c), c = 'ch', c || '|' from ty order by c;
select d from ty order by d;
select ts from ty order by ts;
select tz from ty order by tz;
insert into ty (s) values (32768);
insert into ty (s) values (-32769);
insert into ty (i) values (2147483648);
insert into ty (b) values (9223372036854775808);
insert into ty (f) values ('1e400');
insert into ty (f) values (1e-400);
insert into ty (n2) values (10000000);
insert into ty (n2) values (9999999.9995);
insert into ty (bo) values ('maybe');
insert into ty (v) values ('123456');
insert into ty (v) values ('12345    ');
insert into ty (c) values ('123456');
insert into ty (c) values ('12345    ');
insert into ty (d) values ('2021-02-29');
insert into ty (d) values ('yesterdayish');
insert into ty (ts) values ('2020-01-01 25:00:00');
insert into ty (tz) values ('2020-01-01 00:00:00 Nowhere/City');
insert into ty (i) values ('12x');
insert into ty (i) values ('');
insert into ty (i) values (' 12 ');
insert into ty (i) values (1.5), (2.5), (-0.5);
insert into ty (i) values (true);
insert into ty (i) values ('1'::text);
insert into ty (t) values (1);
insert into ty (bo) values (1);
insert into ty (d) values (1);
insert into ty (ts) values (date '2020-01-01');
insert into ty (d) values (timestamp '2020-01-01 12:00');
insert into ty (s) values (70000::bigint);
select s, i, t, d, ts from ty where i between -100 and 100 or t = '1' order by i, t;
drop table ty;

create table ty_num (n numeric);
insert into ty_num values (1e130), (-1e130), (1e-130), (0), (0.0), (100), (100.00), (99999999999999999999999999999999999999.5), (-0.1), ('NaN'), ('-Infinity');
select n from ty_num order by n, scale(n);
select distinct n from ty_num order by n;
select sum(n) from ty_num where n < 1e100 and n > -1e100;
create index on ty_num (n);
set enable_seqscan = off;
select n from ty_num where n > 50 order by n, scale(n);
select n from ty_num where n = 100;
reset enable_seqscan;
drop table ty_num;
