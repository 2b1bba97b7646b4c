// Attributes of HDF5 objects, written and read (hdf5_handle.h).
#include <algorithm>

#include "base/error.h"
#include "store/hdf5_handle.h"

namespace kohort::store::hdf5 {
namespace {

using base::ErrorKind;
using base::fail;

Handle variable_string_type() {
    auto type = own(H5Tcopy(H5T_C_S1), H5Tclose, "make a string type");
    require(H5Tset_size(type.id(), H5T_VARIABLE) >= 0 && H5Tset_cset(type.id(), H5T_CSET_UTF8) >= 0,
            "make a string type");
    return type;
}

void write(hid_t object, const std::string& name, hid_t stored, hid_t memory, const Handle& space,
           const void* value) {
    const auto action = "write the attribute " + name;
    if (has_attribute(object, name)) require(H5Adelete(object, name.c_str()) >= 0, action);
    auto attribute =
        own(H5Acreate2(object, name.c_str(), stored, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose, action);
    require(H5Awrite(attribute.id(), memory, value) >= 0, action);
    require(attribute.close(), action);
}

Handle scalar() {
    return own(H5Screate(H5S_SCALAR), H5Sclose, "make a scalar");
}

struct Opened {
    Handle attribute, type, space;
    std::size_t count = 0;
    std::string name;  // for messages
};

Opened open(hid_t object, const std::string& name, const std::string& where, H5T_class_t wanted) {
    Opened opened;
    opened.name = where + ", attribute " + name;
    if (!has_attribute(object, name)) fail(ErrorKind::environment, "{} does not exist", opened.name);
    opened.attribute = Handle(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
    if (!opened.attribute)
        fail(ErrorKind::environment, "cannot open {} (HDF5 says: {})", opened.name, last_error());
    opened.type = own(H5Aget_type(opened.attribute.id()), H5Tclose, "read the type of " + opened.name);
    opened.space = own(H5Aget_space(opened.attribute.id()), H5Sclose, "read the shape of " + opened.name);
    opened.count =
        static_cast<std::size_t>(std::max<hssize_t>(H5Sget_simple_extent_npoints(opened.space.id()), 0));
    if (H5Tget_class(opened.type.id()) != wanted)
        fail(ErrorKind::environment,
             "{} is of another type than expected: the file is damaged or not Kohort's", opened.name);
    return opened;
}

std::vector<std::string> read_strings(const Opened& opened) {
    if (!H5Tis_variable_str(opened.type.id()))
        fail(ErrorKind::environment,
             "{} is of another type than expected: the file is damaged or not Kohort's", opened.name);
    std::vector<char*> raw(opened.count, nullptr);
    const auto type = variable_string_type();
    if (opened.count > 0 && H5Aread(opened.attribute.id(), type.id(), raw.data()) < 0)
        fail(ErrorKind::environment, "cannot read {}: the file is damaged (HDF5 says: {})", opened.name,
             last_error());
    std::vector<std::string> values;
    for (const char* text : raw) values.emplace_back(text ? text : "");
    if (opened.count > 0) H5Dvlen_reclaim(type.id(), opened.space.id(), H5P_DEFAULT, raw.data());
    return values;
}

}  // namespace

void write_attribute(hid_t object, const std::string& name, const std::string& value) {
    const auto type = variable_string_type();
    const char* text = value.c_str();
    write(object, name, type.id(), type.id(), scalar(), &text);
}

void write_attribute(hid_t object, const std::string& name, std::int64_t value) {
    write(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, scalar(), &value);
}

void write_attribute(hid_t object, const std::string& name, double value) {
    write(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, scalar(), &value);
}

void write_boolean_attribute(hid_t object, const std::string& name, bool value) {
    const auto type = own(H5Tenum_create(H5T_STD_I8LE), H5Tclose, "make a boolean type");
    const std::int8_t no = 0, yes = 1, stored = value ? yes : no;
    require(H5Tenum_insert(type.id(), "FALSE", &no) >= 0 && H5Tenum_insert(type.id(), "TRUE", &yes) >= 0,
            "make a boolean type");
    write(object, name, type.id(), type.id(), scalar(), &stored);
}

void write_attribute(hid_t object, const std::string& name, const std::vector<std::string>& values) {
    const auto type = variable_string_type();
    std::vector<const char*> texts;
    for (const auto& value : values) texts.push_back(value.c_str());
    const hsize_t count = texts.size();
    const auto space = own(H5Screate_simple(1, &count, nullptr), H5Sclose, "describe the attribute " + name);
    static const char* const nothing = "";  // HDF5 wants an address even for no values
    write(object, name, type.id(), type.id(), space, texts.empty() ? &nothing : texts.data());
}

bool has_attribute(hid_t object, const std::string& name) {
    return H5Aexists(object, name.c_str()) > 0;
}

std::string read_string_attribute(hid_t object, const std::string& name, const std::string& where) {
    const auto values = read_strings(open(object, name, where, H5T_STRING));
    if (values.size() != 1)
        fail(ErrorKind::environment, "{}, attribute {} has {} values; one is wanted", where, name,
             values.size());
    return values[0];
}

std::vector<std::string> read_strings_attribute(hid_t object, const std::string& name,
                                                const std::string& where) {
    return read_strings(open(object, name, where, H5T_STRING));
}

std::int64_t read_integer_attribute(hid_t object, const std::string& name, const std::string& where) {
    const auto opened = open(object, name, where, H5T_INTEGER);
    if (opened.count != 1)
        fail(ErrorKind::environment, "{} has {} values; one is wanted", opened.name, opened.count);
    std::int64_t value = 0;
    if (H5Aread(opened.attribute.id(), H5T_NATIVE_INT64, &value) < 0)
        fail(ErrorKind::environment, "cannot read {}: the file is damaged (HDF5 says: {})", opened.name,
             last_error());
    return value;
}

}  // namespace kohort::store::hdf5
