// SPDX-License-Identifier: Apache-2.0
// Usage: deep_stacks SECONDS, of CPU time. C++ as it is written, compiled for speed with debug information and without
// frame pointers: expression trees are evaluated, simplified and printed by recursion through visitors, virtual
// functions, callbacks and much that is inlined. Stacks are 30 to 90 frames deep and larger than 16 KiB.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <variant>
#include <vector>

namespace deep {

struct Expression;
using Child = std::unique_ptr<Expression>;

struct Number {
	double value;
};
struct Variable {
	std::string name;
};
struct Sum {
	std::vector<Child> parts;
};
struct Call {
	std::string function;
	Child argument;
};
struct Expression {
	std::variant<Number, Variable, Sum, Call> kind;
};

class Random {
public:
	uint32_t next()
	{
		state_ = state_ * 6364136223846793005u + 1442695040888963407u;
		return static_cast<uint32_t>(state_ >> 33);
	}
	uint32_t below(uint32_t limit) { return next() % limit; }

private:
	uint64_t state_ = 42;
};

// Deep rather than wide: of several parts one goes on.
Child make(Random *random, int depth)
{
	if (depth <= 0) {
		if (random->below(2))
			return std::make_unique<Expression>(Expression{Number{random->below(1000) / 8.0}});
		return std::make_unique<Expression>(Expression{Variable{"x" + std::to_string(random->below(20))}});
	}
	if (random->below(3) == 0) {
		const std::array<const char *, 3> names = {"half", "negative", "rounded"};
		return std::make_unique<Expression>(Expression{Call{names[random->below(3)], make(random, depth - 1)}});
	}
	Sum sum;
	sum.parts.push_back(make(random, depth - 1));
	for (uint32_t i = random->below(3); i > 0; i--)
		sum.parts.push_back(make(random, static_cast<int>(random->below(3))));
	return std::make_unique<Expression>(Expression{std::move(sum)});
}

class Function {
public:
	virtual ~Function() = default;
	virtual double of(const std::function<double()> &argument) const = 0;
};

template <typename Operation> class Plain final : public Function {
public:
	double of(const std::function<double()> &argument) const override { return Operation()(argument()); }
};

struct Half {
	double operator()(double value) const { return value / 2; }
};
struct Rounded {
	double operator()(double value) const { return static_cast<double>(static_cast<int64_t>(value)); }
};

class Evaluator {
public:
	Evaluator()
	{
		for (int i = 0; i < 20; i++)
			values_["x" + std::to_string(i)] = i * 1.5;
		functions_["half"] = std::make_unique<Plain<Half>>();
		functions_["negative"] = std::make_unique<Plain<std::negate<double>>>();
		functions_["rounded"] = std::make_unique<Plain<Rounded>>();
	}

	double evaluate(const Expression &expression)
	{
		return std::visit([this](const auto &kind) { return of(kind); }, expression.kind);
	}

private:
	double of(const Number &number) { return number.value; }
	double of(const Variable &variable) { return values_.at(variable.name); }
	double of(const Sum &sum)
	{
		// The parts' values in order of size, smallest first: a small sort on every level of the recursion.
		std::array<double, 8> values{};
		std::size_t count = 0;
		for (const Child &part : sum.parts)
			values[count++] = evaluate(*part);
		std::sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count),
			  [](double a, double b) { return a * a < b * b; });
		return std::accumulate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count), 0.0);
	}
	double of(const Call &call)
	{
		return functions_.at(call.function)->of([&] { return evaluate(*call.argument); });
	}

	std::map<std::string, double> values_;
	std::map<std::string, std::unique_ptr<Function>> functions_;
};

class Printer {
public:
	std::string print(const Expression &expression)
	{
		return std::visit([this](const auto &kind) { return of(kind); }, expression.kind);
	}

private:
	std::string of(const Number &number) { return std::to_string(number.value); }
	std::string of(const Variable &variable) { return variable.name; }
	std::string of(const Sum &sum)
	{
		std::string text = "(";
		for (const Child &part : sum.parts)
			text += (text.size() > 1 ? " + " : "") + print(*part);
		return text + ")";
	}
	std::string of(const Call &call) { return call.function + print(*call.argument); }
};

double work(const std::vector<Child> &expressions)
{
	Evaluator evaluator;
	double total = 0;
	for (const Child &expression : expressions) {
		for (int i = 0; i < 20; i++)
			total += evaluator.evaluate(*expression);
		total += static_cast<double>(Printer().print(*expression).size());
	}
	return total;
}

} // namespace deep

int main(int argc, char **argv)
{
	const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
	deep::Random random;
	std::vector<deep::Child> expressions;
	for (int i = 0; i < 50; i++)
		expressions.push_back(deep::make(&random, 20 + i));
	double total = 0;
	while (static_cast<double>(std::clock()) < seconds * CLOCKS_PER_SEC)
		total += deep::work(expressions);
	std::printf("%g\n", total);
	return 0;
}
