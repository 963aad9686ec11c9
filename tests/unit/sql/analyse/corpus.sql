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
delete from t returning $1
delete from t returning '2020-01-01'
delete from t returning '5'
delete from t returning 'x'
delete from t returning ($1 < a)
delete from t returning ($1 = g)
delete from t returning ($1 is distinct from a)
delete from t returning ('5' * -7)
delete from t returning ('5' * c)
delete from t returning ('5' < 0)
delete from t returning ('5' < 2.5)
delete from t returning ('5')::numeric(5,1)
delete from t returning ('5')::text
delete from t returning (0 + '5')
delete from t returning (1 + '5')
delete from t returning (1 <> '5')
delete from t returning (1 = f)
delete from t returning (1)::bool
delete from t returning (2)::int
delete from t returning (2.5 / 2)
delete from t returning (2.5 >= $1)
delete from t returning (2.5) is null
delete from t returning (3000000000 < 7)
delete from t returning (7 - e)
delete from t returning (7 >= a)
delete from t returning (7)::numeric(5,1)
delete from t returning (7)::text
delete from t returning (a % 7)
delete from t returning (a * 2.5)
delete from t returning (a + '5')
delete from t returning (a + a)
delete from t returning (a + null)
delete from t returning (a < t.a)
delete from t returning (a <> '5')
delete from t returning (a <> a)
delete from t returning (a = '5')
delete from t returning (a is distinct from '5')
delete from t returning (a)::varchar(3)
delete from t returning (c)::text
delete from t returning (f + $1)
delete from t returning (f)::text
delete from t returning (k < c)
delete from t returning (null)::date
delete from t returning (select distinct b from t)
delete from t returning (select null from u s group by (t.a = a))
delete from t returning (t.a + i)
delete from t returning (t.a < a)
delete from t returning (t.a <> '5')
delete from t returning (t.a <> 1)
delete from t returning (t.a || '5')
delete from t returning (true)::bool
delete from t returning - 2
delete from t returning - 2.5
delete from t returning - 7
delete from t returning - a
delete from t returning 0
delete from t returning 1
delete from t returning 1 between e and -7
delete from t returning 2.5
delete from t returning 2.5 between 7 and f
delete from t returning 2.5 in (a, $1)
delete from t returning 3000000000
delete from t returning 3000000000 in (2, 1)
delete from t returning 7
delete from t returning 7 between '5' and 3000000000
delete from t returning 7 in (null, '5')
delete from t returning 7 not in (7, -7)
delete from t returning 7 not in (c, 7)
delete from t returning a
delete from t returning a between null and null
delete from t returning a in ($1, k)
delete from t returning a not in (2, 2)
delete from t returning b
delete from t returning c
delete from t returning case c when t.a then a end
delete from t returning case current_date when d then $1 end
delete from t returning case t.a when e then a end
delete from t returning coalesce(2, t.a)
delete from t returning concat(2.5, i)
delete from t returning concat(j, 1)
delete from t returning f
delete from t returning greatest(null, 3000000000)
delete from t returning h
delete from t returning i
delete from t returning i in (current_date, current_date)
delete from t returning j
delete from t returning least(null, '5')
delete from t returning not null
delete from t returning now()
delete from t returning null
delete from t returning t.a
delete from t returning true
delete from t using u returning '2020-01-01'
delete from t using u returning '5'
delete from t using u returning ($1 >= 2)
delete from t using u returning ($1 or $2)
delete from t using u returning ('5' < '5')
delete from t using u returning ('5' >= 2.5)
delete from t using u returning ('5') is not null
delete from t using u returning ('5') is null
delete from t using u returning (-7 <> $1)
delete from t using u returning (2 < 2.5)
delete from t using u returning (2 is distinct from f)
delete from t using u returning (2)::varchar(3)
delete from t using u returning (2.5 - t.a)
delete from t using u returning (2.5 < '5')
delete from t using u returning (2.5 < f)
delete from t using u returning (2.5 >= $1)
delete from t using u returning (7 = 2)
delete from t using u returning (7)::int
delete from t using u returning (b)::varchar(3)
delete from t using u returning (c)::int
delete from t using u returning (d)::varchar(3)
delete from t using u returning (f)::text
delete from t using u returning (g <> '5')
delete from t using u returning (null - x)
delete from t using u returning (null)::int
delete from t using u returning (null)::text
delete from t using u returning (t.a * 7)
delete from t using u returning (t.a + '5')
delete from t using u returning (t.a)::numeric(5,1)
delete from t using u returning (u.a + 7)
delete from t using u returning (u.a / $1)
delete from t using u returning (u.a)::text
delete from t using u returning (x)::numeric(5,1)
delete from t using u returning (x)::varchar(3)
delete from t using u returning - 1
delete from t using u returning - 2.5
delete from t using u returning - 7
delete from t using u returning - u.a
delete from t using u returning - x
delete from t using u returning -7
delete from t using u returning 1
delete from t using u returning 2
delete from t using u returning 2.5
delete from t using u returning 3000000000
delete from t using u returning 7
delete from t using u returning 7 in (1, t.a)
delete from t using u returning b
delete from t using u returning c
delete from t using u returning case 2 when e then true end
delete from t using u returning case f when 2 then $1 end
delete from t using u returning case t.a when '5' then '5' end
delete from t using u returning coalesce(2.5, $1)
delete from t using u returning current_date
delete from t using u returning d
delete from t using u returning e
delete from t using u returning f
delete from t using u returning g
delete from t using u returning greatest(7, 2)
delete from t using u returning h
delete from t using u returning j
delete from t using u returning least(u.a, '5')
delete from t using u returning not null
delete from t using u returning null
delete from t using u returning null between -7 and 1
delete from t using u returning null between c and '5'
delete from t using u returning null between null and 7
delete from t using u returning t.a
delete from t using u returning t.a between t.a and 7
delete from t using u returning t.a between u.a and '5'
delete from t using u returning true
delete from t using u returning x
delete from t using u returning y
delete from t using u where $1
delete from t using u where ($1 < 1)
delete from t using u where ('5' * t.a) between '5' and '5'
delete from t using u where ('5') is null
delete from t using u where (('5' >= -7)) is null
delete from t using u where ((-7 + 2)) is not null
delete from t using u where ((2 >= x))::bool
delete from t using u where ((f) is null >= $1)
delete from t using u where ((null) is not null >= (null) is true)
delete from t using u where ((t.a / -7))::bool
delete from t using u where (- e <> - f)
delete from t using u where (1 = t.a) returning ($1)::date
delete from t using u where (7) is null
delete from t using u where (d) is not null
delete from t using u where (not null) is true
delete from t using u where (null <> 1)
delete from t using u where (select t.a not in (1, '5') from (values (1, 'a'), ($1, null)) s(a, b) limit 5) returning 3000000000 in ($2, null)
delete from t using u where -7 between 1 and 0
delete from t using u where h
delete from t using u where not $1
delete from t using u where not $1 returning u.a
delete from t using u where not ($1 <> 1)
delete from t using u where null
delete from t using u where null in ((x)::varchar(3), null)
delete from t using u where null returning 1
delete from t using u where null returning case t.a when null then true end
delete from t using u where true
delete from t where $1
delete from t where ('5' <> a)
delete from t where (($1)::text) is not null
delete from t where ((0 - a)) is null returning c
delete from t where ((7) is null <> (a <> t.a))
delete from t where ((current_date - -7)) is not null
delete from t where ((k)::int >= 2)
delete from t where (1 < 7)
delete from t where (2.5 / 2.5) in (a, a) returning a
delete from t where (2.5 <> 7)
delete from t where (a = (null / a)) returning (a / a)
delete from t where (a) is null returning (a + t.a)
delete from t where (case f when 2.5 then k end <> case t.a when '5' then t.a end)
delete from t where (current_date) is not null returning 1
delete from t where (f >= a)
delete from t where (greatest(2.5, '5')) is not null returning 2
delete from t where (not 2 >= (c) is true)
delete from t where (not null >= (a - '5'))
delete from t where (t.a = a)
delete from t where (t.a) is not null returning ('5' = 2)
delete from t where (t.a) is null
delete from t where (true) is true
delete from t where -7 between 1 and -7
delete from t where -7 between a and 1
delete from t where a between a and a returning a
delete from t where a between t.a and '5'
delete from t where case 0 when a then h end
delete from t where h
delete from t where h returning (null)::bool
delete from t where not $1
delete from t where not ($1 = a) returning a
delete from t where not ('5' <> 1)
delete from t where not 7 not in (- a, a)
delete from t where not a in ($1, 2.5)
delete from t where not true
delete from t where not true not in (h, $1)
delete from t where null
delete from t where null between f and '5'
delete from t where t.a between 3000000000 and 3000000000
delete from t where t.a in (-7, 3000000000) in (true, (3000000000) is not null) returning b
delete from t where true
delete from t where true returning '5'
delete from t where true returning concat(7, a)
delete from u returning $1
delete from u returning '2020-01-01'
delete from u returning '5'
delete from u returning '5' in (-7, '5')
delete from u returning 'x'
delete from u returning ($1 <> '5')
delete from u returning ($1 >= a)
delete from u returning ($1)::varchar(3)
delete from u returning ('2020-01-01') is not null
delete from u returning ('5' = a)
delete from u returning ('5' >= a)
delete from u returning (1 - a)
delete from u returning (1 = a)
delete from u returning (1 >= 7)
delete from u returning (1)::numeric(5,1)
delete from u returning (2 * null)
delete from u returning (2 < a)
delete from u returning (2.5 <> a)
delete from u returning (2.5)::text
delete from u returning (3000000000 >= u.a)
delete from u returning (7 + 7)
delete from u returning (7 / 2)
delete from u returning (7 < a)
delete from u returning (7)::int
delete from u returning (a * a)
delete from u returning (a + '5')
delete from u returning (a + 7)
delete from u returning (a - a)
delete from u returning (a / '5')
delete from u returning (a / 2.5)
delete from u returning (a = a)
delete from u returning (a) is not null
delete from u returning (a)::int
delete from u returning (null like null)
delete from u returning (null)::text
delete from u returning (select 2.5 from t x limit 5)
delete from u returning (u.a * '5')
delete from u returning (u.a <> '5')
delete from u returning (x % 0)
delete from u returning (x * 1)
delete from u returning (x * 2.5)
delete from u returning (x < u.a)
delete from u returning (x is distinct from $1)
delete from u returning (x)::varchar(3)
delete from u returning - -7
delete from u returning - 2.5
delete from u returning - 3000000000
delete from u returning - a
delete from u returning - x
delete from u returning -7
delete from u returning 0
delete from u returning 1
delete from u returning 1 between a and null
delete from u returning 2
delete from u returning 2.5
delete from u returning 3000000000
delete from u returning 7
delete from u returning a
delete from u returning a between 2 and a
delete from u returning a in ('5', 2.5)
delete from u returning a in (7, null)
delete from u returning case 'x' when '2020-01-01' then y end
delete from u returning case 7 when $1 then true end
delete from u returning case x when 2 then true end
delete from u returning coalesce(2.5, a)
delete from u returning current_date
insert into t (k, e) values (((x = a) is distinct from (a * '5')), (($1 * '5') * (a >= t.a)))
delete from t using u returning a = any (select a, a, 3000000000 where 1)
delete from t where a between u.a and 2.5
insert into t (a, b) values (null, 2 in ((2 + x), 1 between x and '5'), 'z')
delete from u returning 1 in (i, a)
delete from u where a returning - b
delete from t using u where case when 2 then (7 <> a) else $1 end
delete from t using u where (7 + t.a) between 7 and '2020-01-01'
insert into t (a, b) values ((1)::date, abs(i, ($2 = 1)))
insert into t (a, b) values (case k when d then t.a end between p and p, (true is distinct from (t.a * 'x')), 'z')
insert into t (a, b) select d, (p || t.a) in (- 7, h) from (select distinct - a, case h when current_date then now() end from t x left join t on '5') s for update returning $1
insert into t (a, b) select distinct - not 2, - null from pgbench_accounts full join t on (a < 1) join t x using (a) where '5'
insert into t (a, b) values (not s.a, (1 between f and f * 1)), (1, default) returning - t.a
delete from t using u returning true between x and null
delete from u where count(*) returning (true >= $2)
delete from t using u where (not h - 1)
insert into t (a, b) values ((k * greatest(a, f)), case a <> all (select 7, a, a) when a then a end) returning a
delete from t using u where case when x then null else h end returning k
insert into t (a, b) values (f, sum(a) between '2020-01-01' and h)
delete from u where x not in ((-7)::varchar(3), (j + t.a))
insert into t (a, b) values (case true when -7 then a end not in (avg(c), 1), sum(a), 'z') returning ($1)::bool
delete from t using u where not case when t.a then y else f end
insert into t (a, b) select 2.5 from (values (1, 'a'), ($1, null)) s(a, b) where (a in ('2020-01-01', a))::int group by (t.a / $1) order by 1, 2 nulls first limit $1 offset 2
insert into t (a, b) values (null, a)
insert into t (a, b) values (current_date, (not now() - - -7), 'z') returning (1)::numeric(5,1)
delete from t returning c not in (s.a, 7)
insert into t (a, b) values (((null / a) < u.a), (a)::numeric(5,1), 'z')
insert into t (a, b) values (round('2020-01-01', nullif('5', t.a)), case case current_date when t.a then p end when 7 then (h + '2020-01-01') end)
insert into t (k, e) values (((a is distinct from 0))::varchar(3), case $2 when -7 then c end in ((a = a), a)) returning a
insert into t (k, e) values (((a) is null = null), u.a), (1, default) returning case when a then a else 7 end
delete from t using u where ((x like p)) is null returning case when now() then '5' else h end
insert into t (a, b) values (1, not (a)::date), (1, default) returning coalesce(7, x)
insert into t (a, b) values (a in (select distinct on (a) (-7 % -7), (k / a)), a) returning a
insert into t (a, b) values ((7)::date, e), (1, default)
delete from u where - 3000000000 in (u.a between '2020-01-01' and 2.5, 'x' in (a, $1))
insert into t (a, b) values (x, (h || '5'), 'z')
insert into t (k, e) values ((a >= (1) is true), (s.a + (2) is true)), (1, default)
insert into t (k, e) values (((2)::numeric(5,1) <> (2.5 / 7)), ((a)::text) is not null), (1, default) returning (current_date = a)
insert into t (a, b) values (k, '5'), (1, default) returning (nope)::int
insert into t (k, e) values (a <> all (select - k, 2 from (values (1, 'a'), ($1, null)) s(a, b) group by (1 = a)), a) returning a
delete from u where exists (select distinct on (a) t.*, ('5' >= y), a between -7 and 1 where s.a group by 3000000000 between g and 0)
insert into t (a, b) select *, (1 and - '5') from t full join generate_series(1, 9) k using (a) right join (values (1, 'a'), ($1, null)) s(a, b) on $1 where '5' returning - a
delete from t using u returning $1 between p and a
delete from t using u where (($1 = now()) % a)
insert into t (a, b) values ((- 2.5 - not 7), (select (1 * 1), ('5' / $1), 2.5 from u left join t x on (select '5', null from t))) returning a
delete from t using u where 1 returning ($1 = i)
delete from t using u where a in (select distinct '5' from u join t x on (2 like '5') where '5' having (u.a >= 7) limit $1 offset 2)
delete from t where (b - (2 + true))
insert into t (k, e) values ($1 in ('x', 0) between u.a and -7, - ('5') is not null), (1, default)
insert into t (k, e) values ((null % (a)::date), (case $2 when h then '2020-01-01' end - not i)), (1, default)
delete from t using u returning (d >= nope)
delete from t where (u.a + a) in ((f < null), ('5' >= a)) returning a between p and t.a
delete from t using u where (null not in (t.a, 1) <> t.a)
insert into t (a, b) values (- a between 0 and 2, d, 'z')
insert into t (a, b) values ('2020-01-01', not not b, 'z')
insert into t (a, b) select distinct 2, true from (values (1, 'a'), ($1, null)) s(a, b) group by ($1 >= '5') for update
insert into t (a, b) values ((e || true), case when 1 then - c else x end, 'z') returning b
delete from t using u where nullif(1, e)
insert into t (a, b) select '5' between current_date and $1
insert into t (a, b) select distinct on (a) a from u right join u on round(h, 2) full join (select a, null from t x limit $1 offset 2) s using (a) having 1 returning p
insert into t (k, e) values ((now() not in (2, $1) < ('5' = 'x')), case when a then a else a end) returning a
delete from t where (- null <> 1) returning a
insert into t (k, e) values (7, nullif((2 < b), b not in ($1, k))) returning (7 * h)
delete from u returning now() between i and y
insert into t (a, b) select not u.a from nope join u full join pgbench_accounts using (a) using (a) order by a + 1 returning h between a and 2.5
insert into t (k, e) values (1, a, 'z')
delete from u where (x * u.a)
insert into t (a, b) values (((2 >= u.a))::text, $1, 'z') returning u.a
insert into t (a, b) select null from nope join t using (a) join generate_series(1, 9) k on (b <> x)
insert into t (a, b) values (-7, 3000000000), (1, default) returning case when x then 1 else 'x' end
delete from u where ((now())::varchar(3) - - u.a)
insert into t (a, b) select (x) is not null, min(t.a) filter (where h), a from (values (1, 'a'), ($1, null)) s(a, b)
insert into t (a, b) values ((1 = a), not x), (1, default)
delete from t using u where ((a - a) < e)
delete from t returning (e or x)
insert into t (a, b) select s.* from generate_series(1, 9) k right join u s join u on - s.a using (a) where case - u.a when x then count(*) end limit 5
insert into t (a, b) select - nope order by 1 limit $1 offset 2
insert into t (a, b) values (((a) is null)::int, (least(a, f) <> - a)), (1, default)
insert into t (a, b) values (a, ((u.a = a))::varchar(3)), (1, default)
insert into t (a, b) values (case when a then 7 between b and k else not a end, (0 between 2.5 and $2)::int)
insert into t (a, b) values ((a + h), case when null then - s.a else (current_date + h) end, 'z') returning (select distinct s.*, s.*, t.a from u where -7)
insert into t (a, b) select (case when $2 then u.a else 7 end < (a + 2.5)), ((2.5 >= a) * (u.a)::varchar(3)) limit $1 offset 2
delete from u where c returning (a < a)
insert into t (a, b) values (a <> all (select 0, t.*, now() in (2, c) from (values (1, 'a'), ($1, null)) s(a, b) where greatest('5', a)), not g between p and a)
delete from u where (null and p not in ('5', a))
delete from t where case g between d and i when case when 2.5 then 0 else d end then exists (select a) end returning a
delete from u where case 1 when b then (null - now()) end
insert into t (a, b) select not ('5' < 2) from generate_series(1, 9) k group by - a
insert into t (a, b) select distinct on (a) not (2.5 * a), t.*, * from (values (1, 'a'), ($1, null)) s(a, b) right join u s right join nope using (a) using (a)
delete from t using u where a between a and 2.5
insert into t (a, b) values ((- a) is not null, (j)::int)
delete from t returning case y when u.a then '2020-01-01' end
insert into t (a, b) select (j = a) from generate_series(1, 9) k group by concat(a, 2.5) order by a + 1 limit $1 offset 2
delete from u where a in (select *, (select j, '5')) returning a
insert into t (a, b) values (nullif('5', 'x'), (greatest('5', u.a) or (7 < $2)), 'z') returning - 3000000000
insert into t (a, b) values ((1 = (null) is null), (null + 2) not in (($1) is true, (null * a))), (1, default) returning 2.5
insert into t (k, e) values (('5' >= 2), ('5' < (a) is true))
delete from u where (not a) is true
delete from u where ((-7 < $1) or (b + '2020-01-01'))
delete from t where 1
insert into t (a, b) values (not (p * null), ((b)::text + p)), (1, default) returning a
insert into t (a, b) select (null - j) between i and a from nope join t on a returning a
insert into t (a, b) select distinct on (a) (a in (select distinct on (a) y where now()) = a), a, a returning a
insert into t (a, b) values ((c between 0 and $1 or a), case a when case when y then 7 else t.a end then a = any (select 2.5, b from u where a) end) returning current_date
delete from t where case coalesce(now(), k) when 'x' in (current_date, f) then a between a and a end returning a
delete from t using u where - 2
insert into t (k, e) values ((sum(a) >= a in (select distinct on (a) b, y where $2 group by not 1 limit 5)), i, 'z')
insert into t (a, b) select s.*, t.*, (2.5 || (x <> 2)) from generate_series(1, 9) k where (('5' = a) < ($2 = null)) having (7 + 1) limit $1 offset 2
insert into t (a, b) values (- (2.5 = t.a), ((a >= a) < not 1))
delete from u where a not in (now(), u.a)
delete from t using u where ((null < u.a) * (u.a / u.a)) returning 7
insert into t (a, b) values (7, (2 < a), 'z') returning i
delete from u where a returning (y)::int
insert into t (a, b) select distinct on (a) j between $2 and k from nope full join t join two using (a) using (a) order by a + 1
delete from t using u where a
delete from u where not 0 between a and $2
delete from u where (2 || e) not in (nullif(3000000000, current_date), (select 0, p, 7 from t having true)) returning not d
insert into t (a, b) select *, 1 between x and current_date, ((a) is null = a) returning a
insert into t (a, b) values (2.5, case when case when true then f else '2020-01-01' end then a else (i % current_date) end), (1, default) returning case 0 when t.a then g end
insert into t (k, e) values ((y) is not null, mod(b, current_date), 'z')
insert into t (k, e) values (2, true), (1, default)
insert into t (a, b) select distinct on (a) (i || -7 in (a, 1)), a, a returning a
delete from t using u where (case true when 7 then 7 end + (a % t.a))
insert into t (a, b) select distinct * from t group by case when a then '5' else 7 end returning ($2 % 3000000000)
delete from u where (1 like not h)
insert into t (a, b) select ('2020-01-01' + true) between 1 and null from nope join t on a join t on a returning a
delete from u returning not a
insert into t (a, b) select distinct on (a) 3000000000, not u.a from (values (1, 'a'), ($1, null)) s(a, b) where b group by min(t.a) filter (where h) order by a + 1
delete from t using u where (not f + (a)::varchar(3))
delete from t using u returning (true / y)
delete from u returning a = any (select '5', now(), current_date from t group by case when 7 then t.a else a end order by a desc)
delete from u where (select t.* from u join t on not null order by a + 1)
delete from t using u where - a between u.a and a
delete from t where a <> all (select s.*, avg(c) having current_date)
insert into t (k, e) values ((case '5' when s.a then 3000000000 end or (-7 = c)), a in (select * from nope join t x using (a) having current_date between a and current_date))
insert into t (a, b) values ((b) is null, case when (j = a) then mod(7, now()) else a end) returning a
insert into t (k, e) values ((p not in (current_date, 7)) is null, 1 between s.a and 2.5, 'z') returning i
delete from t where ((-7 >= a) / a)
delete from t where j returning ($1 < s.a)
insert into t (a, b) select (-7 or 7) order by a desc
insert into t (a, b) select distinct on (a) case when (0 is distinct from 1) then h else (select distinct a) end, a returning a
delete from t using u where true between u.a and '5' between a and '5'
delete from t where round((select t.*, 2, s.* from t where 3000000000), case when '5' then 3000000000 else g end)
insert into t (k, e) values (- case u.a when current_date then nope end, substr(avg(c), ('x')::bool), 'z')
insert into t (a, b) values (round($1, case when a then a else -7 end), (2 not in (7, c))::bool), (1, default) returning nullif(true, null)
delete from t returning (a = now())
insert into t (a, b) select distinct on (a) (h / - $1), - a between true and 1, coalesce(1 between x and '5', - f) from t x where 2 limit 5
insert into t (a, b) values (least(1, (now())::date), (1 * 3000000000), 'z') returning (-7)::text
insert into t (k, e) values (-7, ((7)::text >= d)), (1, default)
delete from u where case when case 7 when u.a then a end then a else - a end
insert into t (k, e) values (1, ((a) is true = (1 = a)))
insert into t (k, e) values (7 between e and j, a)
delete from t where max(b) returning (7 <> '5')
insert into t (a, b) select 'x', t.* from t x where abs(case when k then a else a end, a) returning a
insert into t (a, b) select a in (0, case when i then $2 else s.a end), ('x' - g), a order by 1, 2 nulls first returning a <> all (select a, k, 0 from u s where c)
delete from t where (0)::text returning not current_date
delete from t using u where ((x / $1) + not t.a) returning (x)::int
insert into t (a, b) select abs($2, 0 between c and '5'), case when (a) is null then a else a end returning a
insert into t (a, b) values ((h <> case when b then 3000000000 else h end), c)
insert into t (a, b) select distinct on (a) (sum(a) || 1) from (select y from (values (1, 'a'), ($1, null)) s(a, b) group by (j)::int) s where (a < $1) limit 5 returning (c >= 2)
insert into t (k, e) values (-7, coalesce(not now(), ('5' / p))), (1, default)
insert into t (a, b) values (mod(2, 7), (f < $1 in ($2, 2.5)), 'z')
delete from t using u where case k when avg(c) then 'x' end
insert into t (a, b) values (((now() + 1) <> (t.a - t.a)), case when (h like a) then a in (-7, a) else a <> all (select distinct on (a) true, x, 1 from two) end)
delete from u where not ($1) is not null
delete from t using u returning mod($2, y)
delete from t where greatest((t.a % -7), min(t.a) filter (where h))
delete from t using u where not $1 not in ($2, a)
insert into t (k, e) values (((e and 3000000000)) is true, current_date), (1, default)
insert into t (a, b) values (1, (- null = - '5')) returning 2.5
insert into t (a, b) select case k when 3000000000 then s.a end, s.a from (values (1, 'a'), ($1, null)) s(a, b)
delete from u where case when sum(a) then - 2.5 else (u.a <> 2) end returning (h / f)
insert into t (a, b) select (a = 1), case when 0 then h else 2.5 end having (f % null) order by 1
delete from u where (d >= - 3000000000)
insert into t (k, e) values (- case '5' when nope then t.a end, count(distinct a))
insert into t (a, b) values (- a, 7), (1, default) returning (e * 1)
insert into t (a, b) values (max(b), not a), (1, default)
delete from t where case when 'x' then i else f end between '2020-01-01' and nope
insert into t (a, b) select distinct s.*, (select y, true from (select a) s), a returning a
insert into t (a, b) values (((u.a - j) * coalesce(u.a, nope)), a, 'z') returning '5'
insert into t (a, b) values ((e like 'x') between d and t.a, a), (1, default)
delete from u returning case when current_date then '5' else a end
delete from t where ('5')::date between x and k
delete from t using u returning (now() like b)
delete from t where (x >= 2)
delete from u where (2 or i between 2 and 7)
delete from t using u where ('x' like current_date)
insert into t (a, b) select u.a, (7)::numeric(5,1) from t full join t x using (a) full join u s left join u using (a) on - '5' where $2 order by 1 for update of t nowait
delete from t where case c when 0 then nope end
delete from t where a <> all (select distinct on (a) '2020-01-01', (i or 0) from t join two on g where i having a)
delete from t using u where ((1) is null or (a < '5'))
insert into t (a, b) values (count(*), - f)
insert into t (a, b) values (((s.a || 7))::varchar(3), case true when '2020-01-01' then i end), (1, default)
delete from u where (u.a < (now() = a)) returning a
insert into t (a, b) values (((x >= a) - min(t.a) filter (where h)), not $1)
insert into t (a, b) select *, s.*, s.* from nope where a limit $1 offset 2
delete from t where case when (a)::varchar(3) then nope else a between c and true end
delete from u where (('x' / c) = not c)
insert into t (a, b) values (1, (('5' + u.a) <> ($1 = f))) returning 1
delete from t returning a <> all (select '5' from u s for update)
insert into t (a, b) values (- (nope like s.a), round(case a when 3000000000 then d end, (k + current_date)), 'z') returning case when 3000000000 then 3000000000 else h end
delete from t where x not in (u.a, a) returning - 0
delete from t where (select distinct 2.5, '5' from pgbench_accounts order by 1, 2 nulls first) returning case when b then p else 'x' end
insert into t (k, e) values ((now() and y), case when '5' in (2.5, a) then greatest(c, true) else k end)
insert into t (k, e) values ((a <> all (select a, * from t group by c) = a), a) returning a
insert into t (a, b) values ((nope between y and 2 + 3000000000), (($2 / 7))::text), (1, default) returning ($1 / g)
delete from t where (a + ($2 / $1))
delete from t using u where '5' returning - '5'
insert into t (a, b) values (case u.a when not 7 then not a end, a, 'z') returning (a) is true
delete from u where ((nope + now()) + (a >= '5')) returning (u.a >= now())
insert into t (k, e) values (((now() >= 2.5))::text, not 1, 'z')
delete from t using u where (case when 2.5 then t.a else k end * 1)
insert into t (k, e) values ((a >= (u.a)::date), t.a, 'z') returning (a || null)
insert into t (a, b) select t.* from two full join two on s.a left join t x join u s using (a) using (a) for update of t nowait returning greatest(h, s.a)
delete from t using u returning a = any (select distinct on (a) t.* from t x group by round(c, '5'))
delete from u where - (e < current_date)
insert into t (a, b) select a in (select $1 between a and nope from t join t on a), a returning a
insert into t (a, b) select distinct a, least(a, '2020-01-01') between d and g, b from (values (1, 'a'), ($1, null)) s(a, b) order by a + 1 for update
insert into t (a, b) values ((2.5 between $1 and null + (a + a)), concat(u.a, j) not in (case t.a when 2.5 then 2 end, not a)), (1, default) returning (a = 7)
insert into t (a, b) values (e in (p, $2), (null or case h when 0 then e end)), (1, default)
insert into t (a, b) values (not a, 0), (1, default) returning 1
delete from t returning case when s.a then a else -7 end
delete from t using u where p not in (x, -7) between j and d
delete from u where ($2) is null
insert into t (a, b) values (y, t.a, 'z') returning current_date
insert into t (a, b) values (round(($1 + k), (2.5 < true)), a), (1, default)
insert into t (a, b) values (abs(a in (select * from t where g), a), a) returning a
insert into t (a, b) values ((a not in (7, now()) or b), - a)
delete from t using u where '5'
delete from u where (not '5' - ('x' = a))
insert into t (a, b) values ('2020-01-01' between a and a, case when true then 0 else now() end not in ((select a), a)) returning a
insert into t (a, b) select (nope - mod(0, a)) from t join t on a returning a
insert into t (a, b) values ((2.5)::int not in ((g) is not null, g), (($2 >= 2.5) = (null % 1))), (1, default)
insert into t (a, b) values (- x, (a >= (t.a = a))), (1, default)
delete from u where a returning case true when '5' then b end
delete from t where case when concat(0, e) then a else case when e then '5' else y end end
delete from u returning not t.a
insert into t (a, b) values ((abs(y, a) / case when '5' then '5' else 3000000000 end), a), (1, default)
delete from u where ((u.a)::varchar(3) <> t.a) returning (7) is true
insert into t (k, e) values ('x', case when ('x')::text then '2020-01-01' else max(b) end), (1, default)
insert into t (a, b) values (('5')::varchar(3), - g between 7 and null)
delete from u where (1 * (now() >= x))
delete from t where sum(a) in (abs('5', null), - p)
insert into t (a, b) values (case not 2.5 when '5' then (i < 2.5) end, u.a, 'z') returning (t.a >= a)
delete from t using u where -7 in (7, p) between '5' and $2
insert into t (a, b) select (0) is not null from t full join two on (g = a) join t on a returning a
insert into t (a, b) values (t.a, ((h - '5') >= -7)), (1, default)
insert into t (a, b) select distinct t.* from (select distinct on (a) 7, 1 not in (k, a)) s returning a
delete from t where (-7 = not t.a)
delete from t where a in (select count(*), case when a then now() else x end, - s.a group by y having (f < t.a) order by 1, 2 nulls first limit $1 offset 2)
delete from u where mod((true)::text, '2020-01-01' between current_date and 2)
insert into t (a, b) values (case when f then 2.5 else 3000000000 end, ('5' or h)), (1, default)
insert into t (k, e) values ('5', not 7, 'z')
insert into t (a, b) select case case when 1 then u.a else c end when (a / k) then case when a then a else a end end returning a
insert into t (a, b) values (2.5, (null not in (7, f) / ($1 + t.a)), 'z')
insert into t (k, e) values ((null)::numeric(5,1), (a / u.a))
insert into t (a, b) values ((s.a - t.a), round(concat(u.a, -7), (p = a))) returning a
delete from t using u returning (s.a <> f)
delete from u where (sum(a) < not h)
insert into t (a, b) values (((x like -7) || (c / k)), (case when 'x' then t.a else 'x' end % - g))
insert into t (a, b) values (c, 'x' not in ('2020-01-01', min(t.a) filter (where h)))
delete from u where - 7
delete from t where not (a >= a) returning not '5'
insert into t (k, e) values (((null >= t.a) is distinct from (f / $1)), - 2.5)
insert into t (a, b) select distinct (null)::varchar(3) not in (u.a, 2.5) from (values (1, 'a'), ($1, null)) s(a, b) limit 5 returning null
delete from u where (a or sum(a)) returning (k || '5')
delete from t using u returning s.a not in (s.a, b)
delete from t using u where (t.a in (t.a, f) < ('5') is true) returning (2 >= now())
delete from t returning x
insert into t (a, b) values (case when (true = 3000000000) then (current_date = u.a) else mod(true, f) end, (case when a then t.a else b end % (nope = u.a)))
insert into t (k, e) values ((1)::varchar(3), ('x' / '5'))
delete from t where (a) is true
insert into t (a, b) select ((u.a - 2.5) % ($1)::numeric(5,1)), (t.a between a and x >= h) from u right join pgbench_accounts on - f join pgbench_accounts using (a) order by a + 1
insert into t (a, b) select (s.a like a), a in (select not a, a, a), a returning a
delete from t using u where (i is distinct from h between now() and 'x')
delete from u returning i
delete from t using u where case case when a then 7 else b end when case when 2 then '5' else s.a end then a in (a, a) end returning a
insert into t (a, b) values ((3000000000 and t.a), case when (j and null) then 1 else abs(a, a) end) returning a
delete from u where case when a = any (select '5', null, t.* from two) then a else a end returning a
insert into t (a, b) values ((1 >= (s.a / '2020-01-01')), x, 'z')
insert into t (a, b) values (-7 between null and now(), (- 2.5)::int, 'z')
delete from t using u where - (1 <> g)
insert into t (a, b) select distinct ((g - a) = 7) from (values (1, 'a'), ($1, null)) s(a, b) left join t on a returning a
insert into t (k, e) values (2.5, (e - (2.5 = c))) returning not g
insert into t (k, e) values ((1)::numeric(5,1), case case when 2 then a else u.a end when ('2020-01-01' < nope) then (7)::varchar(3) end), (1, default) returning a
delete from u where a returning (2) is true
insert into t (a, b) values (j, 1)
insert into t (a, b) values ((select t.*, t.a, t.a from t where f group by a in (select t.a, s.a, p from u where u.a for update of t nowait) order by 1, 2 nulls first), 7)
insert into t (a, b) select ((a)::varchar(3)) is true, (x || a) returning a
insert into t (k, e) values (((h * a) + a), (a)::text), (1, default) returning mod(a, a)
insert into t (a, b) select ('5')::date, (- 7 * (t.a)::date) where (- t.a) is null group by count(*) union select null, * where (e)::text
delete from t using u where (case 7 when now() then e end and c) returning case when 'x' then 7 else 2.5 end
delete from t using u where (y between a and 'x' / (u.a)::int) returning p between g and a
insert into t (k, e) values (- a between f and u.a, $2, 'z')
insert into t (a, b) values (not g, (x in (x, '5') <> 'x' in (a, '2020-01-01')))
insert into t (a, b) values (f, '2020-01-01' between k and b, 'z') returning (null - 1)
delete from t using u where case when - 2.5 then case when '2020-01-01' then p else $2 end else (select '5', now(), t.a from nope where u.a) end
insert into t (k, e) values (((u.a - 2) <> (a - $2)), ($1 < '5')) returning (f or i)
delete from t using u where ((a)::varchar(3) || a)
insert into t (k, e) values ((x <> nope), min(t.a) filter (where h)), (1, default)
delete from t using u returning k between nope and g
insert into t (a, b) select *, null from (values (1, 'a'), ($1, null)) s(a, b) having (a = a) union all select s.*, a in (a, a), a returning a
insert into t (a, b) values (f, (a) is true), (1, default)
delete from t using u where a returning 1 in ('5', y)
delete from t using u where not 7 between a and '5' returning not 3000000000
insert into t (k, e) values (- (7)::varchar(3), (u.a)::numeric(5,1) in ((7 = 2.5), (a and 1)), 'z')
delete from t where ((a)::date - sum(a)) returning g
insert into t (a, b) values (count(distinct a), (('2020-01-01' >= 7))::date)
insert into t (a, b) select 1, *
insert into t (a, b) select distinct avg(c) from u s left join u s using (a) full join u using (a) where a in (a, a) returning a
delete from u where not 2 between i and a
delete from t where max(b) returning (null) is not null
insert into t (a, b) select max(b), s.*, null from u s right join generate_series(1, 9) k using (a) join t on a returning a
insert into t (a, b) values (((nope)::numeric(5,1) * x), (not nope / (a * null))) returning ('5' < x)
delete from t using u returning ($1 / null)
delete from t using u where (7 || p)
delete from t using u where ($1 and x)
delete from t using u where (c - (u.a and f))
delete from t where (u.a in ('5', -7) <> 1)
delete from u where ((e >= 7))::bool returning $1
delete from u where ((-7 / 1) / (2) is not null) returning case when f then a else x end
delete from t using u returning (a < $1)
insert into t (a, b) values ((a <> all (select distinct on (a) t.* from t x)) is true, case when 1 then 1 else a end), (1, default)
insert into t (a, b) select distinct c, case t.a when 2.5 not in (2, c) then a end, a returning a
insert into t (a, b) values (x, 2.5), (1, default)
delete from u where case exists (select i, * from t x order by a + 1) when (k >= $2) then f end returning case c when a then '2020-01-01' end
insert into t (k, e) values (((f)::text) is not null, 1)
insert into t (k, e) values ((now() between null and null + ('5')::date), 1)
delete from u where y returning (f <> h)
delete from u returning (d is distinct from '5')
insert into t (a, b) select (2.5 between '2020-01-01' and a) is null, (- f * c) from u s where (case 'x' when 1 then t.a end <> a) returning ('5' || u.a)
insert into t (k, e) values ((case '5' when true then '5' end <> - null), p between 1 and a) returning a
delete from t where (a - (a >= null)) returning exists (select 1, 2 from u s order by 1, 2 nulls first)
insert into t (a, b) values (case k when (u.a * s.a) then 7 between x and 2 end, (('2020-01-01' + $2) * (null)::int)), (1, default) returning round(c, y)
delete from t where a = any (select distinct (3000000000 like $2), s.*, ('x' = a)) returning a
delete from u where (($2 <> $1) - x) returning f
insert into t (a, b) select distinct on (a) (nope >= a in (e, current_date)), a between e and d, b from (values (1, 'a'), ($1, null)) s(a, b) having ($1)::varchar(3) returning 2
delete from t where (not t.a like e)
insert into t (a, b) values (not b, (1 + 2) between 0 and $2), (1, default) returning case 1 when y then 0 end
delete from u where case f when '5' then $2 end returning $2
insert into t (a, b) select j from (select distinct on (a) s.*, (a - a), a) s returning a
insert into t (a, b) select nullif(7, null) in (y, a <> all (select d, *, 3000000000 from u s)) from two where - nope returning case true when b then u.a end
insert into t (a, b) values (- (null + -7), abs(a, x) between u.a and $1, 'z')
insert into t (a, b) values ((7 * a), (- t.a % 'x')) returning 2.5
insert into t (a, b) select (('5' <> a))::date, a, ((y)::varchar(3) * a) from (values (1, 'a'), ($1, null)) s(a, b) where (f * (a) is null) order by a + 1
delete from t using u returning 0 between x and a
insert into t (a, b) select distinct on (a) d, s.*, * from (values (1, 'a'), ($1, null)) s(a, b) left join nope on - now() limit 5 returning (now()) is true
insert into t (a, b) values (('2020-01-01' not in (k, '2020-01-01') <> case when -7 then 1 else g end), case when a then (true) is not null else t.a in (0, true) end)
insert into t (a, b) values (- (a = s.a), $2 not in (d, 7), 'z')
delete from t where (exists (select 7, u.a, a from nope for update) * current_date not in (1, '2020-01-01'))
insert into t (a, b) select distinct s.*, ((7)::varchar(3) / concat(d, 1)) from t returning a
delete from t using u returning i in (2.5, a)
insert into t (a, b) values ((not a + (a < 2)), ((2.5 * 2) + (a)::int))
insert into t (k, e) values ($2, case when (null < 1) then (a) is null else t.a end), (1, default)
delete from t using u where (t.a / greatest(2.5, 7))
delete from t using u where not current_date returning f
insert into t (a, b) select (select *, x from (values (1, 'a'), ($1, null)) s(a, b) where a in ('5', x)), a, a returning a
delete from u returning (t.a + current_date)
insert into t (k, e) values ((a = (2.5 - a)), 2), (1, default)
insert into t (a, b) values (a, ((a <> f) >= $1)) returning '5'
delete from t where avg(c) returning case when a then a else a end
delete from u where - case t.a when a then a end
insert into t (a, b) values (case when d then s.a else t.a in (g, current_date) end, (t.a || a)) returning a
insert into t (a, b) select distinct on (a) (case $1 when $2 then t.a end) is null from t left join nope on (1 < '2020-01-01') join u s on - now() order by a desc
insert into t (a, b) values (max(b), coalesce(3000000000, '5')), (1, default)
insert into t (a, b) values (null, ($2 and case '5' when 2 then i end))
delete from t using u where h in (7, '5') between b and t.a returning (i * $1)
insert into t (a, b) select u.a, s.* from pgbench_accounts left join u left join u using (a) using (a) returning a
delete from u where '5' returning (t.a - $2)
insert into t (a, b) select distinct (a) is null from (values (1, 'a'), ($1, null)) s(a, b) where ((u.a - null) <> (f)::int) group by count(*) having (x)::date
insert into t (k, e) values ((- h - a in (select distinct 2, t.* from nope having (current_date like u.a) limit $1 offset 2)), b, 'z')
insert into t (a, b) select - $1, (a = a), a returning a
insert into t (a, b) values (case t.a when (true or u.a) then (a >= g) end, count(*)) returning 7 between u.a and true
insert into t (a, b) values (case when mod(2, $1) then a else not c end, i)
insert into t (k, e) values ('5' in (i not in (s.a, g), ('5' * 1)), a) returning a
insert into t (a, b) values (case (a * $1) when (t.a >= 7) then not f end, (1)::date), (1, default) returning g
insert into t (a, b) values (i, (i in (a, a) * ('5' = a)), 'z') returning - a
delete from u where $1 not in (-7, s.a) returning x
insert into t (a, b) values (($1)::varchar(3), (not b >= (a < 7)))
delete from u where a in (select case h when a then now() end, (true + 1), not c)
insert into t (a, b) values ((a < (3000000000 is distinct from p)), (x >= - '5'))
delete from u where avg(c)
delete from u returning 'x' between e and now()
delete from t using u where (('x' and t.a)) is null
delete from u returning - h
insert into t (a, b) values (- '2020-01-01', ((t.a * 'x') + a))
delete from t using u where (coalesce(t.a, 1) * $1)
delete from t using u where ('5' <> 2) in ((3000000000 - 'x'), '2020-01-01')
delete from t where (e < a) between $2 and null returning mod(s.a, g)
insert into t (a, b) select f, c, t.* from t x returning 3000000000
insert into t (a, b) values (((a / a))::date, ((f and a)) is true), (1, default) returning (t.a < 2.5)
delete from t where a <> all (select y order by 1, 2 nulls first limit $1 offset 2)
delete from u returning 3000000000 between f and 7
insert into t (a, b) select coalesce(case a when -7 then current_date end, case c when 'x' then 1 end), a, a returning a
insert into t (k, e) values ((exists (select distinct 0 from nope where 2.5 group by round('5', 'x')) + avg(c)), (greatest(a, 'x') >= not k)), (1, default)
delete from u where case '5' when $1 then s.a end returning case u.a when k then 1 end
insert into t (a, b) select null, (least(2.5, b) / (-7) is null) from t having 7 limit $1 offset 2
insert into t (a, b) select least(case when 2 then null else '5' end, 1), case (a = a) when a then a end, a returning a
delete from t where 1 returning ($1 + 1)
insert into t (k, e) values (((a <> a) < t.a), - 2.5 not in (1, a)), (1, default) returning x
insert into t (a, b) values (x, (a < case when t.a then x else 1 end))
delete from u where (case 7 when 1 then true end)::date returning case when b then y else t.a end
delete from u where count(distinct a) returning a
delete from t where (($1 + y))::int
insert into t (a, b) values ('2020-01-01' between $1 and 2.5, (p / t.a))
insert into t (a, b) select ((null - '5') / case when now() then p else s.a end) from two where not - c group by now() returning (u.a + 0)
delete from u where (y / nope) returning a
delete from t using u where f
delete from t using u where ((a * a)) is true
delete from u where (exists (select distinct 3000000000 from u s group by (u.a)::date order by a desc)) is not null
delete from t where (a like '2020-01-01') not in (1 not in (2, null), (a = a)) returning a
insert into t (a, b) select a, ((p / null) < (1 - a)) from nope left join generate_series(1, 9) k on (t.a)::numeric(5,1) join pgbench_accounts on t.a
insert into t (a, b) select distinct case x when j then t.a end, substr(case when 2 then a else a end, a), a returning a
insert into t (k, e) values (((7 or current_date) * case when -7 then a else 7 end), - 0, 'z') returning case when a then h else g end
delete from t using u where (sum(a))::varchar(3)
insert into t (a, b) values (-7, ((u.a < 1) >= not current_date), 'z') returning a
delete from t using u where g returning (a)::text
insert into t (a, b) select distinct on (a) (d like 'x') between -7 and $1 from u s join t using (a) limit 5
insert into t (a, b) values ((u.a not in (a, t.a) * i), 1) returning x
insert into t (a, b) values ((u.a is distinct from y) between true and h, mod((t.a and d), t.a), 'z') returning (7)::text
delete from t using u returning s.a
delete from t where case - $1 when (a)::int then f end returning 1
insert into t (k, e) values ((- 1 % not 0), a between u.a and u.a between 2 and 2.5)
delete from t using u where c
insert into t (a, b) values (((null <> 1) - a in (select x, 7 from t)), ('5' * avg(c)), 'z')
insert into t (a, b) select distinct on (a) u.a, ($2) is null in ((-7 <> a), a) returning a
delete from t where greatest((h is distinct from current_date), 'x') returning round(t.a, 1)
insert into t (k, e) values ((f + 2 in (p, null)), (not now() >= $2)), (1, default)
delete from u where 1
delete from t where a = any (select (b)::int from u s join two using (a) where - '5' group by p)
delete from t using u where (- a >= (2.5) is true)
delete from t where (- t.a and '5')
delete from t where (f between 7 and a >= not a)
delete from t using u where ((u.a - t.a) <> (c >= 2)) returning 'x'
insert into t (a, b) select (($1 - '5') >= a in (now(), '5')), sum(a), (2.5 * (2 >= 1)) where a for update of t nowait
insert into t (a, b) values (-7, case when (3000000000 / y) then not h else case when t.a then 2 else '5' end end), (1, default)
delete from t where a returning case when 2 then x else i end
insert into t (a, b) values (a = any (select (7 * t.a), t.* from t), a) returning a
insert into t (a, b) values ((('5')::varchar(3))::varchar(3), a), (1, default)
insert into t (a, b) select distinct * from t x left join u on (x >= '5')
insert into t (a, b) values ((exists (select f, t.a from t order by a desc) || (2 || 3000000000)), sum(a), 'z')
delete from u returning (x like 2)
insert into t (a, b) values (k, case (c / 0) when (null - '5') then u.a end), (1, default)
insert into t (a, b) values (case i when a then 7 end not in ((select -7, x from nope where t.a group by u.a), now()), case when p then h else 7 end)
insert into t (a, b) select null, ((nope - a) like avg(c)) where ((t.a)::varchar(3))::int returning exists (select t.*, a from u where a order by 1)
insert into t (a, b) select (- a + y) from (values (1, 'a'), ($1, null)) s(a, b) right join (values (1, 'a'), ($1, null)) s(a, b) on (a + '5') order by 1 for update of t nowait
insert into t (a, b) select substr(-7, p) between $1 and y, a, a returning a
delete from u where case when '2020-01-01' then b else 3000000000 end
delete from u where (round(2.5, a) - (a < t.a))
delete from t using u returning (s.a >= g)
delete from u where case '5' when a then $2 end returning sum(a)
insert into t (k, e) values (1, 'x', 'z') returning (k)::numeric(5,1)
insert into t (a, b) select ((x <> '5') <> f) from generate_series(1, 9) k right join two using (a) order by a desc limit $1 offset 2 returning ('5' < 'x')
delete from u where 7 returning (e * g)
delete from u returning p not in (t.a, u.a)
insert into t (a, b) select (- -7 - a in (select s.* from u s where a)), a, a returning a
insert into t (a, b) select ((t.a)::int)::int, s.* from u right join u on (a)::numeric(5,1) join (values (1, 'a'), ($1, null)) s(a, b) using (a) where (not 2.5 * sum(a))
delete from u returning not '5'
insert into t (a, b) select not a from (select x, ('x' || a), not current_date from t x right join t on k where (2 % $2) order by 1 for update of t nowait) s limit 5
insert into t (k, e) values (7, (('5' + c) <> '5')), (1, default)
delete from t using u where ((u.a % p))::date returning i
insert into t (a, b) select t.*, a, 1 in (- p, k) from nope
delete from u where i between 1 and '5' returning (true) is null
insert into t (a, b) select a, not j from (select a, a, a where (u.a >= 2.5) order by 1) s returning a in (select '5')
delete from u where (case when $1 then nope else nope end % greatest(s.a, h)) returning exists (select distinct 0 from t group by nope order by a + 1 limit 5)
insert into t (a, b) values (i between 2.5 and f, case when not e then (nope)::numeric(5,1) else (3000000000 * 2.5) end), (1, default) returning c
insert into t (k, e) values ((not f and x), null, 'z')
delete from u where (case when 'x' then $1 else k end / (a + 7))
insert into t (k, e) values (0, nullif(a, (7 - null)), 'z') returning $1
insert into t (a, b) values ((a in (select distinct null, null, b from t group by (p) is not null for update of t nowait) is distinct from a), '5')
delete from t using u where (a - '5') in (($1 = a), not f) returning case when a then 1 else f end
delete from t using u where (sum(a) >= not $1)
delete from t using u where a <> all (select distinct on (a) (a)::text, (a) is not null from two right join u s using (a)) returning a
delete from t where (coalesce(x, 3000000000))::int
insert into t (k, e) values ((case true when nope then 2 end / i), a between t.a and i), (1, default)
insert into t (k, e) values ((count(distinct a) = - t.a), not sum(a)), (1, default)
insert into t (a, b) values (2.5, 1, 'z')
delete from u where ((true is distinct from 1) + k)
insert into t (a, b) select * from t limit $1 offset 2 returning - '5'
insert into t (a, b) values ((not '5' <> (current_date = 3000000000)), (x) is not null), (1, default)
delete from t where - a between u.a and x
insert into t (a, b) values (p, (e >= 2.5)), (1, default) returning 1
insert into t (a, b) values (((x * true) < not u.a), ((null < a) <> (a < a)))
insert into t (a, b) select distinct on (a) '5' from u having (2.5 + x) order by 1, 2 nulls first limit $1 offset 2 returning case a when u.a then 2 end
delete from u where mod(nope, k) between b and s.a returning 0
delete from u where a = any (select j, (t.a / 2) from t full join u s on (a)::text having a)
insert into t (a, b) values (case case when true then 2.5 else '5' end when case now() when $2 then b end then (1) is null end, a) returning a
insert into t (a, b) select not y from u s group by sum(a) order by a + 1
delete from u where '5'
delete from t where (case null when t.a then t.a end <> not null) returning (x < 1)
insert into t (a, b) values (not ('5') is null, x), (1, default)
insert into t (a, b) select distinct on (a) not a in (select distinct 'x', f, k), a, a returning a
delete from t where a returning - e
insert into t (a, b) select distinct on (a) count(distinct a) from t x full join u join u on (a)::varchar(3) on a having - now() returning (2 = a)
insert into t (k, e) values ((t.a - x) in (not 7, ('5' <> i)), 2.5) returning '5'
insert into t (k, e) values ($1, a), (1, default)
delete from t using u where (f - a)
delete from t where a = any (select (a >= a), * from u join t on (a * j) where 2 between c and 1 order by a desc limit 5)
delete from u where coalesce(a, 1) returning $1
insert into t (a, b) values (((a < 2) = ('5') is true), ($1)::numeric(5,1))
