select 1
select 1, 'a', 2.5, 3000000000, 99999999999999999999, null, true
select a, b, c, d, e, f, g, h, i, j, k from t
select * from t
select t.* from t
select a + 1, a + 2.5, a + 1::int8, a * e, f - a, k + k, -a, c / 2, e ^ 2, a % 3 from t
select a || 'x', b || j, j || 1 from t
select a = 1, a = 1.5, b = 'x', g = 'x', j = b, d > '2020-01-01', i = '2020-01-01', d > i from t
select a + 'x' from t
select a + j from t
select 'a' + 'b'
select 'a' || 'b'
select '1' + 1
select h + 1 from t
select nope from t
select t.nope from t
select u.a from t
select a from t, u
select a from nope
select a from public.t
select public.t.a from public.t
select x.a from t x
select t.a from t x
select a as b from t order by b
select a from t order by 1
select a from t order by 2
select a from t order by nope
select a, b from t order by a + 1 desc nulls last, 2
select a as x, b as x from t order by x
select distinct a from t order by b
select distinct a, b from t order by b
select distinct on (a) a, b from t order by a, b
select distinct on (a) a, b from t order by b
select count(*), sum(a), sum(f), sum(c), sum(e), sum(k), avg(a), avg(e), min(b), max(d), max(g) from t
select count(a), count(distinct b), sum(a) filter (where h) from t
select a, count(*) from t
select a, count(*) from t group by a
select b, count(*) from t group by a
select b, count(*) from t group by 1
select b as z, count(*) from t group by z
select a + 1, count(*) from t group by a + 1
select a + 2, count(*) from t group by a + 1
select x, count(*) from u group by x having y = 'a'
select x, count(*) from u group by x having count(*) > 1
select count(*) from t where count(*) > 1
select sum(count(*)) from t
select count(*) from t group by count(*)
select a from t group by 3
select max(*) from t
select count() from t
select abs(*) from t
select a from t where b
select a from t where 1
select a from t where h
select a from t where a in (1, 2, 3)
select a from t where a in (1, 2.5)
select a from t where a in ('1', '2')
select a from t where b in ('x', 'y')
select a from t where a not in (1, null)
select a from t where a in (1, 'x')
select a from t where a in (select x from u)
select a from t where a in (select x, y from u)
select a from t where a = (select max(x) from u)
select a from t where a = (select x, y from u)
select a from t where exists (select 1 from u)
select a from t where exists (select 1 from u where u.a = t.a)
select (select y from u where u.a = t.a) from t
select (select count(*) from u)
select a from t where a > all (select x from u)
select a from t where b like 'x%' and j not like '%y' and b ilike 'Z'
select a from t where a between 1 and 10 and f not between $1 and $2
select case when a > 1 then 'x' else 'y' end, case a when 1 then 1.5 when 2 then 2 end, case when h then a end from t
select case when a then 1 end from t
select case when h then 1 else 'x' end from t
select case when h then a else j end from t
select coalesce(a, 1), coalesce(null, 'x'), coalesce(a, 1.5), nullif(a, 1), greatest(1, a, 2.5), least('a', b) from t
select coalesce(a, j) from t
select a is null, b is not null, h is true, h is not unknown, a is distinct from 1, a is not distinct from null from t
select a is true from t
select a::text, b::int, c::int8, '5'::int, cast(a as numeric(5,1)), 1.5::int, 'x'::varchar(3), 'abc'::char(2) from t
select a::date from t
select h::int, a::bool, a::text::date from t
select 'abc'::int
select '2020-13-01'::date
select int4 '5', date '2020-01-01', text 'x'
select $1
select $1::int, $2 + 1, $3 || 'x'
select $1 + $2
select $1 = $2
select a from t where a = $1
select a from t where a = $1 and b = $2 and c > $3 and d < $4 and f = $1
select a from t where f = $1 and a = $1
select a from t where a = $1::int8
select a from t where a in ($1, $2)
select a from t where a between $1 and $2
select a from t limit $1 offset $2
select a from t limit 'x'
select a from t limit a
select a from t limit 1.5
select a from t limit null
select a from t limit all
select a from t offset 5
select $2::int
select $1::int, $1::text
select case when $1 then $2 else 3 end
select coalesce($1, 5)
select $1 is null
insert into t values (1)
insert into t (a) values ($1)
insert into t (a, b) values ($1, $2), ($3, $4)
insert into t (a, b, c) values (1, 'x', 2.5) returning a, b, c + 1 as z
insert into t (a, nope) values (1, 2)
insert into t (a, a) values (1, 2)
insert into t (a, b) values (1)
insert into t (a) values (1, 2)
insert into t values (1,2,3,4,5,6,7,8,9,10,11,12)
insert into t (a) values ('x')
insert into t (a) values (true)
insert into t (i) values (1)
insert into t (a, c) values (2.5, 1)
insert into t (a) values (default)
insert into t default values
insert into t (a, b) select a, y from u
insert into t (a, b) select $1, $2
insert into t (a, i) select 1, 'x'
insert into t (a, i) select 1, '2020-01-01'
insert into t (a) select y from u
insert into u select a, f, b from t returning *
insert into nope values (1)
update t set a = 1
update t set a = a + $1 where a = $2
update t set b = $1, c = $2, d = $3 where f = $4 returning a, b
update t set nope = 1
update t set a = 1, a = 2
update t set a = 'x'
update t set a = j
update t set b = default where a = 1
update t set a = u.x from u where u.a = t.a
update t x set a = x.a + 1 where x.b = 'y'
update t x set a = t.a + 1
update t set a = count(*)
delete from t
delete from t where a = $1 returning *
delete from t using u where t.a = u.a and u.y = 'x'
delete from t where nope = 1
select t.a, u.x from t join u on t.a = u.a
select t.a, u.x from t left join u on t.a = u.a where u.x is null
select t.a, u.x from t right join u on t.a = u.a
select * from t join u using (a)
select a from t join u using (a)
select * from u natural join two
select a from t join u on t.a = u.a
select t.a from t join u on t.a
select t.a from t join t on true
select x.a, y.a from t x cross join t y
select a.x, a.z from (select a as x, b as z from t) a
select * from (select a, b from t) as s(x, y)
select * from (select a, b from t) as s(x, y, z)
select s.x from (values (1, 'a'), (2, 'b')) s(x, y)
values (1, 'a'), (2.5, null)
values (1), ('x')
values (1, 2), (3)
select 1 union select 2
select 1 union select 'x'
select 1 union select 2.5 order by 1
select a, b from t union all select a, y from u
select a from t union all select a, y from u
select a from t union select x from u order by a limit 3
select a from t union select x from u order by a + 1
select 'x' union select 'y'
select null union select 1
select * from generate_series(1, 10)
select g from generate_series(1, 10) g
select x from generate_series(1, 10, 2) as g(x)
select * from generate_series(1, 3000000000)
with w as (select a, b from t) select w.a, x.b from w, w x
with w(p, q) as (select a, b from t) select p from w
with w as (select 1) select * from w, nope
select a from t for update
select a from t where a = $1 for update nowait
select a from t for update of u
select count(*) from t for update
select distinct a from t for update
select now(), current_timestamp, current_date, localtimestamp, current_user, current_schema
select length('abc'), upper(b), substring(j from 1 for 2), position('a' in j), trim(b), extract(year from d), round(c, 1) from t
select nope(1)
select abs('x')
select abs(-5), abs(-5.5), mod(7, 2), sqrt(4), floor(2.5), random() < 2
select abs(1, 2)
select length(5)
select a from t where a = any('{1,2,3}')
select a from t where a = any('{1,2,3}'::int[])
select a from t where a = any(array[1, 2])
select a from t where a <> all('{1,2}')
select bbalance from pgbench_branches where bid = $1
update pgbench_accounts set abalance = abalance + $1 where aid = $2
select abalance from pgbench_accounts where aid = $1
insert into pgbench_history (tid, bid, aid, delta, mtime) values ($1, $2, $3, $4, current_timestamp)
select sum(abalance) from pgbench_accounts
select count(*) as n from t having count(*) > 5
select 1 having 1 > 2
select a from t having a > 1
select t.a, t.b, count(*) from t join u on t.a = u.a group by t.a
select t.b, count(*) from t join u on t.a = u.a group by t.a
select u.y, count(*) from t join u on t.a = u.a group by t.a
select a, (select count(*) from u where u.a = t.a) from t group by a
select b, (select count(*) from u where u.a = t.f) from t group by b
select 'x' as lit, null as n from t
select "A" from t
select ä from t
select 'ä', nope from t
select a from t where (a, b) = (1, 2)
select 1 where $1
select not a from t
select not h from t
select h and a from t
select h or j from t
select - j from t
select a::nope from t
select a::varchar(0) from t
select a from t order by 'x'
select a from t order by 1.5
select f / 0 from t
select a < b from t
select i + 1, i - i from t
select d - d from t
